"""The batch: full by rows, by deliveries or by age; no delivery is lost or reordered."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ingest_worker.batch import Batch, BatchContents, Source
from ingest_worker.delivery import Delivery
from shared.wire.decoder import Decoded
from shared.wire.refusal import Reason, Rejection
from tests.readings import START, row

ROWS = [row(second=second) for second in range(20)]


class Clock:
    """A clock that is set by hand, in seconds."""

    def __init__(self, now=100.0):
        self.now = now

    def __call__(self):
        return self.now


def delivery(mid=1, payload=b"payload"):
    return Delivery(b"topic", payload, 1, mid.to_bytes(2, "big"), False, False, 1, START)


def decoded(readings=1, rejections=0):
    """Return the contents of a message of so many good and bad elements; the bad ones come last."""
    return Decoded(
        ROWS[:readings],
        [
            Rejection("VIN-00001", START, Reason.BAD_READING, "why", readings + n, b"topic", b"%d" % n)
            for n in range(rejections)
        ],
        range(readings),
    )


def sourced(contents):
    """Each row with where it came from."""
    return [(row, contents.source(place)) for place, row in enumerate(contents.rows)]


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def batch(clock):
    return Batch(max_rows=10, max_deliveries=4, max_age_s=2.0, clock=clock)


def test_empty(batch, clock):
    """An empty batch is never ready, however long it waits."""
    clock.now += 1_000
    assert not batch.is_ready
    assert batch.due_in() is None
    assert len(batch) == 0
    assert batch.take() == BatchContents()


@pytest.mark.parametrize(
    ("held", "ready"),
    [
        ([(9, 0)], False),
        ([(10, 0)], True),
        ([(11, 0)], True),
        ([(0, 9)], False),
        ([(0, 10)], True),
        ([(5, 4)], False),
        ([(5, 5)], True),
        ([(4, 0), (5, 0)], False),
        ([(4, 0), (5, 1)], True),
        ([(0, 0)], False),
    ],
)
def test_full_by_rows(batch, held, ready):
    """Readings and rejections count alike: each is a row."""
    for readings, rejections in held:
        batch.append(delivery(), decoded(readings, rejections))
    assert batch.is_ready is ready


@pytest.mark.parametrize(
    ("sizes", "number"), [([5, 5, 5], 3), ([5, 95, 5], 2), ([50, 50, 50], 2), ([500], 1), ([99, 1, 1], 2)]
)
def test_the_number_that_fits(clock, sizes, number):
    """Up to the message that fills the batch by its bytes, and always one."""
    batch = Batch(max_rows=10, max_deliveries=10, max_age_s=2, clock=clock, max_bytes=100)
    deliveries = [delivery(payload=b"x" * size) for size in sizes]
    assert batch.number_that_fits(deliveries) == number


def test_full_by_deliveries(batch):
    """A full window is flushed though its messages hold no row: the broker would send no more."""
    for number in range(4):
        assert not batch.is_ready
        assert len(batch) == number
        batch.append(delivery(number), decoded(0))
    assert batch.is_ready


@pytest.mark.parametrize(("waited", "ready"), [(0, False), (1.999, False), (2.0, True), (3, True)])
def test_full_by_age(batch, clock, waited, ready):
    """One message alone is flushed after `max_age_s`; an empty one, too, has to be acknowledged."""
    batch.append(delivery(), decoded(0))
    clock.now += waited
    assert batch.is_ready is ready
    assert batch.due_in() == pytest.approx(2.0 - waited)


def test_age_is_that_of_the_first(batch, clock):
    """Later messages don't put the flush off."""
    batch.append(delivery(), decoded())
    clock.now += 1.5
    batch.append(delivery(), decoded())
    assert batch.due_in() == pytest.approx(0.5)
    clock.now += 0.5
    assert batch.is_ready


def test_age_starts_again_after_take(batch, clock):
    """The next batch is as young as its own first message."""
    batch.append(delivery(), decoded())
    clock.now += 5
    batch.take()
    batch.append(delivery(), decoded())
    assert not batch.is_ready
    assert batch.due_in() == pytest.approx(2.0)


def test_take_empties(batch):
    """Deliveries are taken once, and later ones are not added to what was taken."""
    batch.append(delivery(1), decoded(2, 1))
    taken = batch.take()
    assert len(batch) == 0
    assert batch.take() == BatchContents()
    batch.append(delivery(2), decoded(1))
    assert (len(taken.deliveries), len(taken.rows), len(taken.rejections)) == (1, 2, 1)


def test_order_is_kept(batch):
    """Deliveries leave in the order of receipt, each reading with its own delivery and index."""
    first, second, third = delivery(3), delivery(1), delivery(2)
    batch.append(first, decoded(2))
    batch.append(second, decoded(0, 1))
    batch.append(third, Decoded([ROWS[7]], []))
    taken = batch.take()
    assert taken.deliveries == [first, second, third]
    assert sourced(taken) == [
        (ROWS[0], Source(first, 0)),
        (ROWS[1], Source(first, 1)),
        (ROWS[7], Source(third, None)),
    ]
    assert [rejection.index for rejection in taken.rejections] == [0]


def test_equal_deliveries_are_two():
    """The same bytes twice are two messages, and both have to be acknowledged."""
    assert delivery() != delivery()


class BatchModel(RuleBasedStateMachine):
    """A comparison with a plain list: the deliveries taken are those appended, in order."""

    def __init__(self):
        super().__init__()
        self.clock = Clock()
        self.batch = Batch(max_rows=6, max_deliveries=3, max_age_s=1.0, clock=self.clock)
        self.waiting = []
        self.first_at = None

    @rule(readings=st.integers(0, 7), rejections=st.integers(0, 2))
    def append(self, readings, rejections):
        self.add(decoded(readings, rejections))

    @rule(which=st.integers(0, 19))
    def append_a_lone_reading(self, which):
        self.add(Decoded([ROWS[which]], []))

    @rule(indexes=st.lists(st.integers(0, 50), max_size=4, unique=True).map(sorted))
    def append_an_array_with_gaps(self, indexes):
        self.add(Decoded(ROWS[: len(indexes)], [], indexes))

    def add(self, held):
        if not self.waiting:
            self.first_at = self.clock.now
        appended = delivery(), held
        self.waiting.append(appended)
        self.batch.append(*appended)

    @rule(seconds=st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.0]))
    def wait(self, seconds):
        self.clock.now += seconds

    @precondition(lambda self: self.batch.is_ready or not self.waiting)
    @rule()
    def take_when_ready(self):
        self.take()

    @rule()
    def take(self):
        taken = self.batch.take()
        assert taken.deliveries == [one for one, _ in self.waiting]
        assert sourced(taken) == [
            (row, Source(one, None if held.indexes is None else held.indexes[n]))
            for one, held in self.waiting
            for n, row in enumerate(held.rows)
        ]
        assert taken.rejections == [bad for _, held in self.waiting for bad in held.rejections]
        self.waiting = []

    @invariant()
    def agrees(self):
        rows = sum(len(held.rows) + len(held.rejections) for _, held in self.waiting)
        assert len(self.batch) == len(self.waiting)
        if not self.waiting:
            assert not self.batch.is_ready
            assert self.batch.due_in() is None
            return
        age = self.clock.now - self.first_at
        assert self.batch.is_ready is (rows >= 6 or len(self.waiting) >= 3 or age >= 1.0)
        assert self.batch.due_in() == 1.0 - age


BatchModel.TestCase.settings = settings(max_examples=60, stateful_step_count=25)
TestBatchModel = BatchModel.TestCase
