"""The tables of a `[[source]]`: its vehicles, its signals, and the signals of its devices."""

from shared.sources.config_table import ConfigTable, kind_of
from shared.sources.mistake import MistakeError, quoted
from shared.sources.signal_rule import PlaceForm, SignalRule, merged_signals, read_rules
from shared.sources.vehicle_ids import VehicleIds
from shared.wire.reading import normalise_vin

_LONGEST_ID = 256


def read_vehicles(table: ConfigTable) -> VehicleIds:
    """Read the ids of a source's vehicles. Raises MistakeError."""
    raw = ConfigTable(table.content.get("vehicles", {}), "vehicles")
    found = {}
    for vehicle, vin in raw.content.items():
        if not vehicle or len(vehicle) > _LONGEST_ID:
            raise MistakeError("vehicles", f"has an id that is empty or longer than {_LONGEST_ID} characters")
        if not isinstance(vin, str):
            raise raw.mistake(vehicle, f"must be a VIN, not {kind_of(vin)}")
        try:
            found[vehicle] = normalise_vin(vin)
        except ValueError as reason:
            raise raw.mistake(vehicle, f"{quoted(vin)} is no VIN: {reason}") from None
    as_is = table.one_of("unknown", ("reject", "as_is"), "reject") == "as_is"
    return VehicleIds(found, as_is=as_is)


def read_signals(
    table: ConfigTable, ids: VehicleIds, form: PlaceForm
) -> tuple[tuple[SignalRule, ...], dict[str, tuple[SignalRule, ...]]]:
    """Read the signals of a source, and those of its devices. Raises MistakeError."""
    if not table.has("signals"):
        raise table.mistake("signals", "is missing")
    signals = merged_signals({}, table.content["signals"], "signals")
    if not signals:
        raise table.mistake("signals", "must not be empty")
    rules = read_rules(signals, "signals", form)
    devices = ConfigTable(table.content.get("device", {}), "device")
    found = {}
    for device, own in devices.content.items():
        key = f"device.{device}"
        if device not in ids.table and not ids.as_is:
            raise MistakeError(key, "is not among the vehicles of this source")
        merged = merged_signals(signals, own, key)
        found[device] = read_rules(merged, key, form)
    return rules, found
