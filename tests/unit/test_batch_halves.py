"""A batch in two parts: its contents are not lost, doubled, reordered or separated from their delivery."""

from hypothesis import given
from hypothesis import strategies as st

from ingest_worker.batch import Batch
from ingest_worker.batch_halves import halves
from ingest_worker.delivery import Delivery
from shared.wire.connectivity import Status
from shared.wire.decoder import Decoded
from shared.wire.refusal import Reason, Rejection
from shared.wire.status import VehicleStatus
from tests.readings import START, row

ROWS = [row(second=second) for second in range(12)]

messages = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 5), st.booleans(), st.booleans()), min_size=1, max_size=8
)


def filled(shapes):
    """Draw a batch of deliveries with rows, rejections, statuses and requests for a receipt."""
    batch = Batch(max_rows=10_000, max_deliveries=10_000, max_age_s=1, clock=lambda: 0)
    for place, (rows, rejections, has_status, wants_receipt) in enumerate(shapes):
        refused = [
            Rejection("VIN-00001", START, Reason.BAD_READING, "why", rows + n, b"t", b"%d" % place)
            for n in range(rejections)
        ]
        decoded = Decoded(
            ROWS[:rows],
            refused,
            range(rows),
            VehicleStatus(f"VIN-{place:05d}", Status.ONLINE, START) if has_status else None,
            f"vehicles/{place}/receipts" if wants_receipt else None,
        )
        batch.append(Delivery(b"t", b"p", 1, place.to_bytes(2, "big"), False, False, 1, START), decoded)
    return batch.take()


def leaves(contents):
    """All parts, in order, cut as far as they can be."""
    cut = halves(contents)
    if cut is None:
        return [contents]
    return [leaf for part in cut for leaf in leaves(part)]


def sourced(contents):
    return [(row, contents.source(place)) for place, row in enumerate(contents.rows)]


@given(messages)
def test_nothing_is_lost_or_reordered(shapes):
    """The parts together are the whole: rows with their sources, rejections, statuses, deliveries."""
    whole = filled(shapes)
    parts = leaves(whole)
    assert [one for part in parts for one in sourced(part)] == sourced(whole)
    assert [one for part in parts for one in part.rejections] == whole.rejections
    assert [one for part in parts for one in part.statuses] == whole.statuses
    finished = [one for part in parts if not part.is_partial for one in part.deliveries]
    assert finished == whole.deliveries
    assert all(part.readings <= 1 for part in parts)
    assert {one: receipt for part in parts for one, receipt in part.receipts.items()} == whole.receipts


@given(messages)
def test_a_delivery_is_finished_by_its_last_part(shapes):
    """The contents of a delivery come no later than the part that acknowledges it."""
    whole = filled(shapes)
    finished = set()
    for part in leaves(whole):
        for place in range(len(part.rows)):
            assert part.source(place).delivery not in finished
        assert not finished & set(part.deliveries)
        for source in (*part.rejection_sources, *part.status_sources):
            assert part.deliveries[source] not in finished
        if part.is_partial:
            assert len(part.deliveries) == 1
        else:
            finished.update(part.deliveries)


@given(messages)
def test_the_halves_are_about_equal(shapes):
    """No part is larger than half of the whole and one delivery."""
    whole = filled(shapes)
    largest = max(rows + rejections for rows, rejections, _, _ in shapes)
    if cut := halves(whole):
        assert max(part.readings for part in cut) <= (whole.readings + 1) // 2 + largest


def test_what_can_not_be_cut():
    """One reading, or one message without any."""
    assert halves(filled([(1, 0, True, True)])) is None
    assert halves(filled([(0, 0, False, False)])) is None
