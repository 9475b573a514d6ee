"""Growth of a page's memory while readings arrive."""

import json
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count

from playwright.sync_api import Browser, CDPSession, Page

from scripts.bench import http_link, sample_readings
from scripts.bench.large_fleet import STEP_S, Fleet
from scripts.bench.lived_car import VIN
from scripts.bench.our_api import PATH
from scripts.bench.page_view import await_parts, opened
from scripts.bench.workbench import Workbench
from scripts.launcher.module import Api

# Times of the figures, in multiples of `seconds`. The engine still compiles until the second one.
_MOMENTS = (1, 10, 20)
_MIB = 1024 * 1024
_SIGNALS = ("soc", "soh", "pack_voltage", "pack_current", "max_temp", "min_temp", "odo_km")


@dataclass(frozen=True, slots=True)
class PageGrowth:
    """A page kept open while, each second, one car and a tenth of the fleet send a reading each."""

    workbench: Workbench
    browser: Browser
    api: Api
    fleet: Fleet
    address: str

    @property
    def moments(self) -> dict[str, float]:
        """The seconds after which each figure is taken, by its name."""
        return {f"after {at:g} s": at for at in (times * self.workbench.seconds for times in _MOMENTS)}

    def figures(self) -> dict[str, float]:
        """Measure the scripts' heap in MiB, by the names of `moments`; notes nodes and listeners."""
        with (
            opened(self.browser, self.address) as page,
            http_link.HttpLink(self.api.host, self.api.port) as link,
        ):
            await_parts(page, ["charts", "bands and marks"] if VIN in self.address else ["rows"])
            session = page.context.new_cdp_session(page)
            session.send("Performance.enable")
            began, numbers = time.monotonic(), count()
            found = {}
            for name, moment in self.moments.items():
                for number in numbers:
                    link.ask(http_link.post(self.api.host, PATH, self._readings(number)))
                    if _idle(page, min(began + number + 1, began + moment)) >= began + moment:
                        break
                found[name] = self._heap_mib(session, name)
        return found

    def _readings(self, number: int) -> bytes:
        """Build the readings of the second with this number."""
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        vins = [VIN, *self.fleet.vins[number % STEP_S :: STEP_S]]
        signals = dict(zip(_SIGNALS, sample_readings.signals(number), strict=True))
        return json.dumps([{"vin": vin, "ts": now, **signals} for vin in vins]).encode()

    def _heap_mib(self, session: CDPSession, name: str) -> float:
        session.send("HeapProfiler.collectGarbage")
        metrics = {one["name"]: one["value"] for one in session.send("Performance.getMetrics")["metrics"]}
        nodes, listeners = metrics["Nodes"], metrics["JSEventListeners"]
        self.workbench.note(f"{name}: {nodes:,.0f} nodes, {listeners:,.0f} listeners")
        return float(metrics["JSHeapUsedSize"]) / _MIB


def _idle(page: Page, until: float) -> float:
    """Wait while the browser runs; returns the time of `time.monotonic()`."""
    page.wait_for_timeout(max(0.0, 1000 * (until - time.monotonic())))
    return time.monotonic()
