"""The decoding of a kept rejection before the database is used, and the display of a rejection."""

import json
from datetime import timedelta

import pytest

from shared.rejections.model import readable
from shared.rejections.replay import Refusal, ReplayRefusedError, decode_again
from shared.wire.decoder import MAX_PAYLOAD_BYTES, decode
from shared.wire.refusal import Reason
from tests.decoded import Place, places
from tests.readings import LATEST, START, payload, raw
from tests.readings import row as stored

TOPIC = b"vehicles/VIN-00001/telemetry"


def kept(message, index=None, topic=TOPIC):
    """Return a row of `rejections` with the columns that a replay reads."""
    return {"topic": topic, "payload": message, "index": index, "received_at": START}


def again(row, latest=LATEST):
    """Return the rows that a replay stores, each with its index."""
    decoded = decode_again(row, latest=latest)
    assert decoded.rejections == []
    return places(decoded)


def refusals(*arguments, **options):
    with pytest.raises(ReplayRefusedError) as refused:
        decode_again(kept(*arguments, **options), latest=LATEST)
    assert not refused.value.is_conflict
    return refused.value.refusals


def test_a_message_is_read_as_it_was_received():
    """One object is one reading; an array keeps the places of its readings."""
    assert again(kept(payload(raw()))) == [Place(None, stored())]
    array = payload(raw(second=0), raw(second=1))
    assert again(kept(array)) == [
        Place(0, stored(second=0)),
        Place(1, stored(second=1)),
    ]


def test_an_element_is_one_reading():
    """Cut from its array at index 7, the element is one object; the topic still names its vehicle."""
    element = json.dumps({"ts": raw()["ts"], "soc": 50.0}).encode()
    assert again(kept(element, index=7)) == [Place(None, stored())]


@pytest.mark.parametrize("element", [b"[]", b"null", b"5", b"[" + payload(raw()) + b"]"])
def test_an_element_that_is_no_object_stays_refused(element):
    """An array inside an array is not decoded as a message of its own, with any contents."""
    assert [refusal.reason for refusal in refusals(element, index=0)] == [Reason.BAD_READING]


def test_what_is_broken_stays_broken():
    """Bytes that no code can read are refused for the reason that they were kept for."""
    assert refusals(b"nonsense")[0].reason is Reason.BAD_JSON
    assert refusals(b"[]")[0].reason is Reason.EMPTY_ARRAY
    assert refusals(b" " * (MAX_PAYLOAD_BYTES + 1))[0].reason is Reason.TOO_LARGE
    assert refusals(payload(raw()), topic=b"vehicles/x/\xff")[0].reason is Reason.BAD_TOPIC


def test_every_reading_that_is_refused_is_named():
    """Of an array, each bad reading with its place; the sentence has the first one's reason."""
    found = refusals(payload(raw(soc=101), raw(second=1), raw("VIN-00002", 2)))
    assert [(refusal.index, refusal.reason) for refusal in found] == [
        (0, Reason.BAD_READING),
        (2, Reason.VIN_MISMATCH),
    ]
    assert str(ReplayRefusedError(found)) == (
        f"Still refused (bad_reading): reading 0: {found[0].detail} (and 1 more). The rejection stays."
    )


def test_a_time_that_lay_ahead_is_accepted_once_it_has_come():
    """The same bytes, refused while `ts` was in the future, are a reading later."""
    row = kept(payload(raw(second=100)))
    with pytest.raises(ReplayRefusedError, match="too far in the future"):
        decode_again(row, latest=START)
    assert again(row, START + timedelta(seconds=100)) == [Place(None, stored(second=100))]


def test_each_rejection_of_the_decoder_is_refused_again_alike():
    """Without a change the reason and the detail are the same again, for elements and messages."""
    array = payload(raw(soc="x"), 5, raw("VIN-00002"), [], {"vin": "VIN-00001"})
    for message in (array, b"nonsense", payload(raw(soc=-1))):
        for rejection in decode(TOPIC, message, received_at=START, latest=LATEST).rejections:
            [found] = refusals(rejection.payload, index=rejection.index)
            assert (found.reason, found.detail) == (rejection.reason, rejection.detail)


def test_only_conflicts_make_a_conflict():
    """One reading that is refused for itself, and the replay is not a mere conflict."""
    conflict = Refusal(0, Reason.CONFLICT, "stored")
    assert ReplayRefusedError([conflict, conflict]).is_conflict
    assert not ReplayRefusedError([conflict, Refusal(1, Reason.BAD_READING, "soc")]).is_conflict


def test_bytes_are_shown_as_text_or_said_not_to_be():
    """A payload is in one of two fields; a topic is always text, its odd bytes written out."""
    shown = readable({"topic": b"a\xff\x00", "payload": "°C\0".encode()})
    assert shown == {"topic": "a\\xff\0", "payload": "°C\0", "payload_base64": None}
    shown = readable({"topic": b"a", "payload": b"\xff\xfe"})
    assert shown == {"topic": "a", "payload": None, "payload_base64": "//4="}
    assert readable({"topic": b"a"}) == {"topic": "a"}
