"""Targets of a routes file's addresses."""

from alert_worker.routes.apprise_target import AppriseTarget
from alert_worker.routes.mqtt_target import MqttTarget
from alert_worker.routes.routes_file import Route, RoutesError, scheme_of
from alert_worker.routes.target import Target
from alert_worker.routes.webhook import Webhook, WebhookOptions
from shared.settings import BrokerSettings


def targets_of(route: Route, broker: BrokerSettings, options: WebhookOptions) -> dict[str, Target]:
    """Return the target of each address of a route. Raises RoutesError for an unknown kind of address."""
    targets: dict[str, Target] = {}
    for number, address in enumerate(route.to, 1):
        scheme = scheme_of(address)
        if scheme in {"http", "https"}:
            targets[address] = Webhook(address, options)
        elif scheme == "mqtt":
            targets[address] = MqttTarget(broker)
        else:
            try:
                targets[address] = AppriseTarget(address)
            except ValueError as wrong:
                # The address itself may hold a password or a token.
                raise RoutesError(
                    f"route {route.name}: to, address {number} ({scheme}:...) {wrong}"
                ) from None
    return targets
