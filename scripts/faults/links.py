"""Faults of links between two servers which both stay up."""

import time
from collections.abc import Callable

from scripts.faults.proxy import Mode, Proxy
from scripts.faults.rig import Rig

_CUTS = 5
_CUT_WITHIN_S = 15.0
_ANSWER_TAKES_S = 12.0
_SLOW_AT_MOST_S = 480.0  # four transactions; the second one holds what came during the first
_LEAST_STORED = 1_000


def commit_cut(rig: Rig) -> None:
    """Cut the link between a COMMIT and its answer, five times."""
    link = required(rig.database_proxy)
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
    """A filter that finds one COMMIT on its way to the database; `on_commit` is called before it goes on."""

    def __init__(self, on_commit: Callable[[], None] = lambda: None) -> None:
        self.has_cut = False
        self._on_commit = on_commit

    def __call__(self, chunk: bytes) -> bool:
        if self.has_cut or b"COMMIT" not in chunk:
            return False
        self._on_commit()
        self.has_cut = True
        return True


def broker_half_open(rig: Rig) -> None:
    """Drop everything on the worker's link to the broker while it stays open, then close it."""
    link = required(rig.broker_proxy)
    rig.pause()
    link.mode = Mode.SWALLOW
    rig.hold(10)
    link.cut()
    link.mode = Mode.FORWARD


def database_hangs(rig: Rig) -> None:
    """Hold back everything on the link to the database while it stays open, then forward it."""
    link = required(rig.database_proxy)
    rig.pause()
    link.mode = Mode.HANG
    rig.hold(5)
    link.mode = Mode.FORWARD


def database_slow(rig: Rig) -> None:
    """Delay each answer of the database by 12 s, so that a transaction takes some two minutes."""
    link = required(rig.database_proxy)
    rig.pause()
    before = _stored(rig)
    link.answer_delay = _ANSWER_TAKES_S
    deadline = time.monotonic() + _SLOW_AT_MOST_S
    try:
        # More than was in flight at the beginning: a batch that arrived meanwhile.
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


def required(proxy: Proxy | None) -> Proxy:
    """Return the proxy of a fault that needs one. Raises ValueError."""
    if proxy is None:
        raise ValueError("this fault needs a proxy that its line of the catalogue does not ask for")
    return proxy
