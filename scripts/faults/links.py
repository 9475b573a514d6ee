"""Links that break between two servers which both stay up."""

import time

from scripts.faults.proxy import Mode, Proxy
from scripts.faults.rig import Rig

_CUTS = 5
_CUT_WITHIN_S = 15.0
_ANSWER_TAKES_S = 12.0
_SLOW_AT_MOST_S = 480.0  # four transactions; the second one holds what came during the first
_LEAST_STORED = 1_000


def commit_cut(rig: Rig) -> None:
    """The COMMIT goes out, its answer never comes: five times."""
    link = _given(rig.database_proxy)
    for number in range(_CUTS):
        rig.pause(0.1, 0.5)
        watch = CommitWatch()
        link.watch = watch
        deadline = time.monotonic() + _CUT_WITHIN_S
        while not watch.has_cut and time.monotonic() < deadline:
            time.sleep(0.01)
        link.watch = None
        if not watch.has_cut:
            rig.complaints.append(f"only {number} of {_CUTS} commits could be cut")
            return


class CommitWatch:
    """Finds one COMMIT on its way to the database."""

    def __init__(self) -> None:
        self.has_cut = False

    def __call__(self, chunk: bytes) -> bool:
        if self.has_cut or b"COMMIT" not in chunk:
            return False
        self.has_cut = True
        return True


def broker_half_open(rig: Rig) -> None:
    """The worker's link to the broker swallows everything, open, then closes."""
    link = _given(rig.broker_proxy)
    rig.pause()
    link.mode = Mode.SWALLOW
    rig.hold(10)
    link.cut()
    link.mode = Mode.FORWARD


def database_hangs(rig: Rig) -> None:
    """The link to the database stands still, open, then goes on as if nothing had been."""
    link = _given(rig.database_proxy)
    rig.pause()
    link.mode = Mode.HANG
    rig.hold(5)
    link.mode = Mode.FORWARD


def database_slow(rig: Rig) -> None:
    """Each answer of the database takes 12 s, and a transaction some two minutes: slow, not away."""
    link = _given(rig.database_proxy)
    rig.pause()
    before = _stored(rig)
    link.answer_delay = _ANSWER_TAKES_S
    deadline = time.monotonic() + _SLOW_AT_MOST_S
    try:
        # More than was under way when it began: a batch that came in meanwhile.
        while _stored(rig) < before + _LEAST_STORED:
            if time.monotonic() > deadline:
                rig.complaints.append("too little was stored while the database was slow")
                break
            time.sleep(1)
    finally:
        link.answer_delay = 0
    for words in ("is away", "connection is cut", "does not answer"):
        if rig.count_in_logs(words):
            rig.complaints.append(f"a worker said: {words}")


def _stored(rig: Rig) -> int:
    return int(rig.site.query("SELECT count(*) FROM telemetry WHERE vin LIKE 'MQTT-%%'")[0][0])


def _given(proxy: Proxy | None) -> Proxy:
    if proxy is None:
        raise ValueError("this fault needs a proxy that its line of the catalogue does not ask for")
    return proxy
