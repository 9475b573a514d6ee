"""Our API as it is shipped, over a database of ours."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from scripts.bench.database import Database
from scripts.bench.workbench import Workbench
from scripts.launcher.module import Api
from shared.api_settings import ApiSettings

PATH = "/api/telemetry"

# Whatever the environment says: as shipped.
_UNSET = {name.upper(): "" for name in ApiSettings.model_fields}


@contextmanager
def our_api(workbench: Workbench, place: Database) -> Iterator[Api]:
    """It answers."""
    with workbench.fresh_folder() as folder:
        api = Api(log=folder / "api.log", env={**_UNSET, "DATABASE_URL": place.url})
        try:
            api.start()
            yield api
        finally:
            api.stop()


def latest_paths(vins: Sequence[str]) -> list[str]:
    """Of the latest state of each vehicle."""
    return [f"/api/vehicles/{vin}/latest" for vin in vins]
