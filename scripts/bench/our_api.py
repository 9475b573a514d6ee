"""The API with its shipped settings, for a measurement."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from scripts.bench.database import Database
from scripts.bench.workbench import Workbench
from scripts.launcher.module import Api
from shared.api_settings import ApiSettings

PATH = "/api/telemetry"

# Empty values: the settings have their shipped defaults, regardless of the environment.
_UNSET = {name.upper(): "" for name in ApiSettings.model_fields}


@contextmanager
def our_api(workbench: Workbench, place: Database) -> Iterator[Api]:
    """Run the API on a database; it answers when the block begins."""
    with workbench.fresh_folder() as folder:
        api = Api(log=folder / "api.log", env={**_UNSET, "DATABASE_URL": place.url})
        try:
            api.start()
            yield api
        finally:
            api.stop()


def latest_paths(vins: Sequence[str]) -> list[str]:
    """Return the path of each vehicle's latest state."""
    return [f"/api/vehicles/{vin}/latest" for vin in vins]
