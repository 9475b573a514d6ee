"""Routes with their targets' labels: as much as the database knows of them."""

from collections.abc import Iterable
from typing import NamedTuple

from alert_worker.routes.routes_file import Route
from alert_worker.routes.target import Target


class PlannedTarget(NamedTuple):
    """One receiver of a route."""

    route: Route
    label: str
    """Unique within the route, without a secret: the key of its deliveries."""
    target: Target


def planned_targets(route: Route, targets: Iterable[Target]) -> list[PlannedTarget]:
    """Return the receivers of a route; of equal labels the second one gets `#2`, and so on."""
    planned: list[PlannedTarget] = []
    for target in targets:
        same = sum(each.target.label == target.label for each in planned)
        planned.append(PlannedTarget(route, f"{target.label}#{same + 1}" if same else target.label, target))
    return planned
