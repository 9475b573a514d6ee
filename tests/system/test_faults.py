"""A short form of each fault, and the broken workers that must be caught: see scripts/faults."""

import pytest

from scripts.faults.catalogue import FAULTS
from scripts.faults.controls import CONTROLS
from scripts.faults.fault_error import SkippedError
from scripts.faults.run import RunParameters, run
from scripts.faults.site import Site
from tests.conftest import FAST, server_folder

# The broker's own losses are bounded by time, and a deadlock is a matter of chance: those faults belong to
# `./scripts/faults.sh`, with many seeds, not to a run that must have the same result every time.
LEFT_TO_THE_COMMAND = {"broker-kill", "broker-kill-durable", "session-lost", "packet-ids-restart", "unsorted"}
QUICK_FAULTS = [fault for fault in FAULTS if fault.usual and fault.name not in LEFT_TO_THE_COMMAND]
SLOW_FAULTS = [fault for fault in FAULTS if not fault.usual and fault.name != "endurance"]
QUICK_CONTROLS = [control for control in CONTROLS if control.name not in LEFT_TO_THE_COMMAND]

SHORT = RunParameters(rate=200, seconds=2, scale=0.2)
IMPATIENT = RunParameters(rate=200, seconds=2, scale=0.2, drain_within_s=5, back_within_s=4)


@pytest.fixture(scope="module")
def site():
    with server_folder() as folder:
        shared = Site(folder, settings=FAST)
        shared.start()
        yield shared
        shared.stop()


@pytest.mark.parametrize("fault", QUICK_FAULTS, ids=lambda fault: fault.name)
def test_nothing_is_lost_and_nothing_twice(site, fault):
    """Every acknowledged reading is stored or rejected, exactly once, with its values, under each fault."""
    try:
        outcome = run(site, fault, SHORT, seed=1)
    except SkippedError as why:
        pytest.skip(str(why))
    assert outcome.broken() == []
    assert outcome.acknowledged > 100


@pytest.mark.nightly
@pytest.mark.parametrize("fault", SLOW_FAULTS, ids=lambda fault: fault.name)
def test_slow_faults_in_full_length(site, fault):
    """The same for faults whose length is their point: half a minute and more each."""
    outcome = run(site, fault, RunParameters(rate=200, seconds=2, scale=1), seed=1)
    assert outcome.broken() == []


# Both are caught by the same slow fault: one of them in each run.
NIGHTLY_CONTROLS = {"forgets-arrivals"}


@pytest.mark.parametrize(
    "control",
    [
        pytest.param(
            control,
            id=control.name,
            marks=[pytest.mark.nightly] if control.name in NIGHTLY_CONTROLS else [],
        )
        for control in QUICK_CONTROLS
    ],
)
def test_a_broken_worker_is_caught(site, control):
    """A harness that finds nothing in a worker that is known to be broken would prove nothing."""
    outcome = run(site, control.fault, IMPATIENT, seed=1, variants=control.variants)
    assert control.is_caught(outcome), outcome.broken()
