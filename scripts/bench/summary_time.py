"""The response time of a window's summary."""

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
    """Measure the median time in ms of calls over one connection, for the workbench's seconds.

    Raises MeasureError where the number of readings is not that of the stored ones.
    """
    request = http_link.get(server.host, f"/api/vehicles/{sample_readings.vin(0)}/summary?{window.query}")
    times: list[float] = []
    with http_link.HttpLink(server.host, server.port) as link:
        counted = json.loads(link.ask(request))["samples"]
        if counted != (stored := fleet.samples(window.from_ts, window.to_ts)):
            raise MeasureError(f"summary counts {counted:,} readings where {stored:,} are stored.")
        began = time.monotonic()
        while len(times) < _FEWEST or time.monotonic() - began < workbench.seconds:
            sent_at = time.perf_counter()
            link.ask(request)
            times.append(time.perf_counter() - sent_at)
    return 1000 * median(times)
