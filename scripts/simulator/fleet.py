"""The readings of a simulated fleet, in the order in which they are published."""

from collections.abc import Iterator

from scripts.simulator.reading import DueReading
from scripts.simulator.timetable import Timetable
from scripts.simulator.vehicle import Vehicle


def vin_of(prefix: str, vehicle: int) -> str:
    """Return the VIN of the n-th vehicle (0 is the first), such as SIM-000001."""
    return f"{prefix}{vehicle + 1:06d}"


def readings(timetable: Timetable, *, seed: int, vin_prefix: str) -> Iterator[DueReading]:
    """Yield every reading of the run; the same arguments give the same readings."""
    fleet = [
        Vehicle(vin_of(vin_prefix, number), f"{seed}-{number}", timetable.start_s)
        for number in range(timetable.vehicles)
    ]
    for number in range(timetable.count):
        ts = timetable.ts(number)
        for place, vehicle in enumerate(fleet):
            if number:
                vehicle.advance(timetable.step_s)
            yield DueReading(timetable.due_s(number, place), vehicle.vin, vehicle.reading(ts))
