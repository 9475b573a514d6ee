"""The list of faults and of broken workers."""

import pytest

from scripts.faults import report
from scripts.faults.broken_worker import VARIANTS
from scripts.faults.catalogue import FAULTS, named
from scripts.faults.controls import CONTROLS
from scripts.faults.outcome import Outcome


def test_names_are_unique():
    """A name chooses one fault."""
    names = [fault.name for fault in FAULTS]
    assert len(set(names)) == len(names)


def test_faults_are_chosen_by_name():
    """In the order given; without names, the usual ones."""
    assert [fault.name for fault in named("worker-kill, none")] == ["worker-kill", "none"]
    assert len(named(None)) < len(named("all")) == len(FAULTS)
    with pytest.raises(ValueError, match="no such fault: nonsense"):
        named("none,nonsense")


def test_every_broken_worker_is_a_control():
    """A variant that no control starts would prove nothing."""
    assert {name for control in CONTROLS for name in control.variants} == set(VARIANTS)


@pytest.mark.parametrize("name", VARIANTS)
def test_what_is_to_be_broken_is_there(name):
    """After a rename of a method or statement the variant would be the real worker."""
    with VARIANTS[name]():
        pass


def test_the_table_is_aligned():
    """Every line has its columns under the titles."""
    outcome = Outcome(sent=10, acknowledged=9, rows=8, lost=1, drain_s=2.0)
    line = report.line("worker-kill", 3, outcome)
    assert line.index("BROKEN: 1 lost") == report.header().index("verdict")
