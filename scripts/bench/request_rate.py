"""Requests/s that a server answers: counted by wrk, or by our own threads where wrk is missing."""

import json
import math
import re
import shutil
import threading
import time
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

from scripts.bench import http_link
from scripts.bench.bench_error import MeasureError
from scripts.bench.workbench import Workbench
from scripts.launcher.process import Process
from scripts.launcher.server import Server

CONNECTIONS = 16

_WRK_FEWEST_S = 1
_WRK_MORE_S = 30.0
_RATE = re.compile(r"^Requests/sec: +([\d.]+)$", re.MULTILINE)
_BAD = re.compile(r"^ +(?:Non-2xx|Socket errors).*$", re.MULTILINE)
_SCRIPT = """
local paths, requests, number = %s, {}, 0
init = function()
    for place, path in ipairs(paths) do requests[place] = wrk.format("GET", path) end
end
request = function()
    number = number + 1
    return requests[number %% #requests + 1]
end
"""


def request_rate(workbench: Workbench, server: Server, paths: Sequence[str]) -> float:
    """Measure GETs/s of the paths in turn, over 16 connections, for the workbench's seconds."""
    program = shutil.which("wrk")
    if program is None or workbench.seconds < _WRK_FEWEST_S:
        return by_threads(server, paths, workbench.seconds)
    with workbench.fresh_folder() as folder:
        return by_wrk(program, server, paths, workbench.seconds, folder)


def by_wrk(program: str, server: Server, paths: Sequence[str], seconds: float, folder: Path) -> float:
    """Measure requests/s with wrk, for whole seconds. Raises LaunchError where an answer is not a 200."""
    script = folder / "paths.lua"
    # A Lua table: JSON strings without escapes are Lua strings as well.
    script.write_text(_SCRIPT % ("{" + ", ".join(map(json.dumps, paths)) + "}"))
    whole = math.ceil(seconds)
    address = f"http://{server.host}:{server.port}"
    command = [program, "-t1", f"-c{CONNECTIONS}", f"-d{whole}s", "-s", str(script), address]
    wrk = Process("wrk", command, log=folder / "wrk.log")
    try:
        wrk.start()
        code = wrk.wait(whole + _WRK_MORE_S)
    finally:
        wrk.kill()
    output = wrk.log.read_text(errors="replace")
    rate, bad = _RATE.search(output), _BAD.search(output)
    if code != 0 or rate is None or bad is not None:
        raise wrk.failure(f"{server.name} did not answer wrk as it should.")
    return float(rate[1])


def by_threads(server: Server, paths: Sequence[str], seconds: float) -> float:
    """Measure requests/s with our own threads, which use more processor time than wrk."""
    source = cycle([http_link.get(server.host, path) for path in paths])
    lock, answered = threading.Lock(), [0] * CONNECTIONS
    failures: list[MeasureError] = []
    until = time.monotonic() + seconds

    def work(place: int) -> None:
        try:
            with http_link.HttpLink(server.host, server.port) as link:
                while time.monotonic() < until:
                    with lock:
                        request = next(source)
                    link.ask(request)
                    answered[place] += 1
        except MeasureError as failed:
            failures.append(failed)

    threads = [threading.Thread(target=work, args=[place], daemon=True) for place in range(CONNECTIONS)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum(answered) / (time.monotonic() - began)
