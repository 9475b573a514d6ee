"""The routes of the settings with their receivers, ready to send."""

from pathlib import Path

from alert_worker.routes.mqtt_target import MqttTarget
from alert_worker.routes.plan import PlannedTarget, planned_targets
from alert_worker.routes.routes_file import Route, RoutesError, load_routes, scheme_of
from alert_worker.routes.target import Target
from alert_worker.routes.webhook import Webhook, WebhookOptions
from shared.settings import RouteSettings


def load_plan(path: Path | None, settings: RouteSettings) -> list[PlannedTarget]:
    """Read a routes file and make its receivers; none without a file. Opens no connection.

    Raises RoutesError with one line that names the file, the route, the key and the reason.
    """
    if path is None:
        return []
    plan: list[PlannedTarget] = []
    for route in load_routes(path):
        try:
            plan += planned_targets(route, _targets(route, settings))
        except RoutesError as wrong:
            raise RoutesError(f"{path}: route {route.name}: {wrong}") from None
    return plan


def _targets(route: Route, settings: RouteSettings) -> list[Target]:
    return [_target(number, address, settings) for number, address in enumerate(route.to, 1)]


def _target(number: int, address: str, settings: RouteSettings) -> Target:
    scheme = scheme_of(address)
    if scheme in {"http", "https"}:
        secret = settings.alert_webhook_secret
        key = None if secret is None else secret.get_secret_value().encode()
        return Webhook(address, WebhookOptions(key, settings.alert_allow_private))
    if scheme == "mqtt":
        return MqttTarget(settings)
    # Apprise takes a third of a second to import, and most installations send webhooks only.
    from alert_worker.routes.apprise_target import AppriseTarget  # noqa: PLC0415

    try:
        return AppriseTarget(address)
    except ValueError as wrong:
        # The address itself may hold a password or a token.
        raise RoutesError(f"to: address {number} ({scheme}:...) {wrong}") from None
