"""The ids of a source's vehicles: a table of VINs, and the rule for ids that are not in it."""

from collections.abc import Mapping

from shared.sources.mistake import quoted
from shared.wire.reading import normalise_vin


class VehicleIds:
    """The vehicles of a source by their ids."""

    def __init__(self, table: Mapping[str, str], *, as_is: bool) -> None:
        self.table = dict(table)
        self.as_is = as_is

    def vin(self, vehicle: str) -> str | None:
        """Return the VIN of an id, None for an unknown one."""
        vin = self.table.get(vehicle)
        if vin is not None or not self.as_is:
            return vin
        try:
            return normalise_vin(vehicle)
        except ValueError:
            return None

    def why_unknown(self, vehicle: str, source: str) -> str:
        """Return the reason of a rejection for an id without a VIN, in a source of this name."""
        rule = " nor has it a VIN's form" if self.as_is else ""
        return f"{quoted(vehicle)} is not among the vehicles of source {source}{rule}"

    def are_same(self, topic: str, payload: str) -> bool:
        """Return whether the ids in topic and payload name the same vehicle."""
        if topic == payload:
            return True
        vin = self.vin(topic)
        return vin is not None and (payload.upper() == vin or self.vin(payload) == vin)
