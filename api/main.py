"""The app. Importing this module opens nothing and reads no environment: the lifespan does."""

from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI

from api.http.api_keys import describe_key, require_key, require_key_or_permit
from api.http.body_limit import BodyLimit
from api.http.export_permit import ExportPermits
from api.http.host_check import HostCheck
from api.http.multiprocess_metrics import ProcessMetrics
from api.http.problems import Problem, add_error_handlers
from api.http.request_limit import RequestLimit
from api.http.request_metrics import ApiMetrics, RequestCounter
from api.lifespan import OneLineStartupErrors, lifespan_with
from api.routers import (
    alerts,
    api_docs,
    dashboard,
    diagnostics,
    exports,
    fleet,
    health,
    metrics,
    profiles,
    rejections,
    series,
    telemetry,
    vehicles,
)
from api.services.export_stream import ExportSlots
from shared.api_settings import ApiSettings
from shared.vehicle_profile import Profile
from shared.wire.reading import Reading

MAX_BODY_BYTES = 5 * 1024 * 1024


def create_app(settings: ApiSettings | None = None, *, metrics_folder: Path | None = None) -> FastAPI:
    """Create the app; without `settings` they are read from the environment when it starts.

    `metrics_folder` is shared by the processes that serve one port.
    """
    app = FastAPI(
        title="Battery and vehicle telemetry",
        version="0.1.0",
        description="Battery readings of vehicles: in by MQTT or POST, out as state, summary and history."
        " Current and power are positive while the pack discharges.",
        lifespan=lifespan_with(settings),
        # Both load their scripts from another host; `routers.api_docs` has a page of our own.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.metrics = ApiMetrics()
    app.state.exports = ExportSlots(app.state.metrics.count_database_error)
    app.state.permits = ExportPermits()
    app.state.process_metrics = ProcessMetrics(app.state.metrics.text, metrics_folder)
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY_BYTES)
    app.add_middleware(RequestLimit)
    app.add_middleware(HostCheck)
    app.add_middleware(RequestCounter, metrics=app.state.metrics)
    app.add_middleware(OneLineStartupErrors)
    add_error_handlers(app, count=app.state.metrics.count_database_error)
    # Routes are tried in this order: the most frequent calls first.
    app.include_router(vehicles.frequent, dependencies=[Depends(require_key)])
    app.include_router(vehicles.router, dependencies=[Depends(require_key)])
    app.include_router(series.router, dependencies=[Depends(require_key)])
    app.include_router(telemetry.router, dependencies=[Depends(require_key)])
    app.include_router(fleet.router, dependencies=[Depends(require_key)])
    app.include_router(alerts.router, dependencies=[Depends(require_key)])
    app.include_router(diagnostics.router, dependencies=[Depends(require_key)])
    app.include_router(exports.router, dependencies=[Depends(require_key_or_permit)])
    app.include_router(profiles.router, dependencies=[Depends(require_key)])
    app.include_router(health.router)
    app.include_router(rejections.router, dependencies=[Depends(require_key)])
    app.include_router(metrics.router, dependencies=[Depends(require_key)])
    app.include_router(api_docs.router)
    app.include_router(dashboard.router)
    _describe_shared_schemas(app)
    return app


def _describe_shared_schemas(app: FastAPI) -> None:
    """Add the schemas to the OpenAPI document that no route's signature shows."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document["components"]["schemas"]
        template = "#/components/schemas/{model}"
        # FastAPI announces its own 422 wherever a path has a parameter; ours has another shape.
        for call in (call for path in document["paths"].values() for call in path.values()):
            if "HTTPValidationError" in str(call["responses"].get("422")):
                del call["responses"]["422"]
            describe_key(call, getattr(app.state, "settings", None))
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        for model in (Reading, Profile, Problem):
            schema = model.model_json_schema(ref_template=template)
            schemas.update(schema.pop("$defs", {}))
            schemas[model.__name__] = schema
        schemas["Reading"]["description"] = "One reading; at least one signal is not null."
        return document

    app.openapi = openapi  # type: ignore[method-assign]


app = create_app()
