"""Rejections of the decoder: their identity, their detail, and the memory that they hold."""

import gc
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.wire.decoder import decode
from shared.wire.refusal import Reason
from tests.decoded import lone, sort
from tests.readings import LATEST, START, payload, raw


def test_an_array_of_bad_readings_keeps_each_once():
    """10,000 bad elements are 10,000 rejections which together hold no more than the message."""
    message = b"[" + b",".join(b'{"n":%d}' % n for n in range(10_000)) + b"]"
    _, rejections = sort(message)
    assert [r.index for r in rejections] == list(range(10_000))
    assert sum(len(r.payload) for r in rejections) < len(message)
    assert len({r.id for r in rejections}) == 10_000


def test_a_redelivery_is_the_same_rejection():
    """A different time of receipt does not matter: the same message is kept once."""
    message = payload(raw(soc=101), raw(), raw(soc=102))
    first = sort(message)[1]
    again = sort(message, received_at=START + timedelta(days=1))[1]
    assert [r.id for r in first] == [r.id for r in again]
    assert len({r.id for r in first}) == 2


def test_equal_elements_at_two_places_are_two_rejections():
    """The index is part of the identity of a rejection."""
    _, rejections = sort(payload(raw(soc=101), raw(soc=101)))
    assert rejections[0].payload == rejections[1].payload
    assert rejections[0].id != rejections[1].id


@pytest.mark.parametrize("change", [{"topic": b"x"}, {"payload": b"x"}, {"index": 0}, {"index": 1}])
def test_what_makes_a_rejection_another(change):
    """Topic, payload and index do."""
    rejection = lone(b"broken")
    assert replace(rejection, **change).id != rejection.id


@pytest.mark.parametrize(
    "change", [{"received_at": LATEST}, {"detail": "other words"}, {"reason": Reason.TOO_MANY}]
)
def test_what_does_not_make_a_rejection_another(change):
    """A later version that words its reasons differently still knows it."""
    rejection = lone(b"broken")
    assert replace(rejection, **change).id == rejection.id


@pytest.mark.parametrize(
    "message", [b'{"soc": "hunter2"}', b'["hunter2"]', b"hunter2", b'{"vin": "hunter2 "}']
)
def test_the_detail_does_not_repeat_the_input(message):
    """The detail goes into logs and answers; the rejection keeps the input as bytes."""
    assert "hunter2" not in lone(message).detail


def test_what_was_rejected_keeps_nothing_alive():
    """No cycle of errors, tracebacks and the array: a megabyte of bad readings is freed at once."""
    # All that other tests have left is out of the collector's sight, and costs it no time.
    gc.freeze()
    gc.disable()
    try:
        decoded = decode(
            b"vehicles/VIN-00001/telemetry",
            payload(*(raw(second=second, soc=101) for second in range(50))),
            received_at=START,
            latest=LATEST,
        )
        assert len(decoded.rejections) == 50
        del decoded
        assert gc.collect() < 50
    finally:
        gc.enable()
        gc.unfreeze()
