"""How long the summary of a window takes."""

import json
import time
from statistics import median

from scripts.bench import http_link, sample_readings
from scripts.bench.bench_error import MeasureError
from scripts.bench.large_fleet import Fleet
from scripts.bench.window import Window
from scripts.bench.workbench import Workbench
from scripts.launcher.server import Server

_FEWEST = 5


def summary_time(workbench: Workbench, server: Server, fleet: Fleet, window: Window) -> float:
    """The median, in ms, of calls one after another over one connection, for the workbench's seconds.

    Raises MeasureError where the number of readings is not what is stored.
    """
    request = http_link.get(server.host, f"/api/vehicles/{sample_readings.vin(0)}/summary?{window.query}")
    times: list[float] = []
    with http_link.HttpLink(server.host, server.port) as link:
        told = json.loads(link.ask(request))["samples"]
        if told != (stored := fleet.samples(window.from_ts, window.to_ts)):
            raise MeasureError(f"summary tells of {told:,} readings where {stored:,} are stored.")
        began = time.monotonic()
        while len(times) < _FEWEST or time.monotonic() - began < workbench.seconds:
            asked = time.perf_counter()
            link.ask(request)
            times.append(time.perf_counter() - asked)
    return 1000 * median(times)
