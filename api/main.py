"""The app. Importing this module opens nothing and reads no environment: the lifespan does."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI

from api.http.access_keys import AccessKeys
from api.http.audit_writer import AuditWriter
from api.http.authorisation import require_classified
from api.http.body_limit import BodyLimit
from api.http.export_permit import ExportPermits
from api.http.host_check import HostCheck
from api.http.multiprocess_metrics import ProcessMetrics
from api.http.openapi_security import describe_security
from api.http.problems import Problem, add_error_handlers
from api.http.rate_limits import RateLimits
from api.http.request_limit import RequestLimit
from api.http.request_metrics import ApiMetrics, RequestCounter
from api.http.request_trace import RequestTrace
from api.lifespan import OneLineStartupErrors, lifespan_with
from api.routers import (
    alerts,
    api_docs,
    audit,
    caller,
    dashboard,
    diagnostics,
    episodes,
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
from api.schemas.episode import Acknowledgement, Muting, NewNote
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
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.metrics = ApiMetrics()
    app.state.exports = ExportSlots(app.state.metrics.count_database_error)
    app.state.permits = ExportPermits()
    app.state.access_keys = AccessKeys()
    app.state.rate_limits = RateLimits()
    app.state.audit = AuditWriter(app.state.access_keys.used)
    app.state.process_metrics = ProcessMetrics(app.state.metrics.text, metrics_folder)
    app.add_middleware(BodyLimit, max_bytes=MAX_BODY_BYTES)
    app.add_middleware(RequestLimit)
    app.add_middleware(HostCheck)
    app.add_middleware(RequestTrace, audit=app.state.audit)
    app.add_middleware(RequestCounter, metrics=app.state.metrics)
    app.add_middleware(OneLineStartupErrors)
    add_error_handlers(app, count=app.state.metrics.count_database_error)
    # Routes are tried in this order: the most frequent calls first.
    app.include_router(vehicles.router)
    app.include_router(series.router)
    app.include_router(telemetry.router)
    app.include_router(fleet.router)
    app.include_router(alerts.router)
    app.include_router(episodes.router)
    app.include_router(diagnostics.router)
    app.include_router(exports.router)
    app.include_router(profiles.router)
    app.include_router(health.router)
    app.include_router(rejections.router)
    app.include_router(metrics.router)
    app.include_router(caller.router)
    app.include_router(audit.router)
    app.include_router(api_docs.router)
    app.include_router(dashboard.router)
    require_classified(app)
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
        settings = getattr(app.state, "settings", None)
        is_open = settings is not None and app.state.access_keys.is_open(settings.keys)
        describe_security(document, app, is_open=is_open)
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        for model in (Reading, Profile, Acknowledgement, NewNote, Muting, Problem):
            schema = model.model_json_schema(ref_template=template)
            schemas.update(schema.pop("$defs", {}))
            schemas[model.__name__] = schema
        schemas["Reading"]["description"] = "One reading; at least one signal is not null."
        return document

    app.openapi = openapi  # type: ignore[method-assign]


app = create_app()
