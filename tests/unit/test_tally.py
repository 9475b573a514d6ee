"""What became of the readings, in numbers and in one line."""

from ingest_worker.tally import Tally


def test_nothing_yet():
    """A worker that heard nothing says so."""
    assert str(Tally()) == "0 readings received, 0 stored, 0 duplicate, 0 rejected"


def test_each_number_stands_at_its_word():
    """The line gives each count under its own name."""
    tally = Tally(received=10, stored=6, duplicate=3, rejected=1, cleared=2)
    assert str(tally) == "10 readings received, 6 stored, 3 duplicate, 1 rejected"
