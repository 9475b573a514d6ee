"""Sparkplug messages: readings by names and aliases, births, deaths, and requests for births."""

import pytest

from shared.sources.decode import decode_mapped
from shared.wire.connectivity import Status
from shared.wire.sparkplug import rebirth_request
from tests.mapped import LATEST, moment, signals
from tests.sparkplug import BIRTH, SOURCE, TEN, Node, double_value, float_value, lone, metric, text, whole

VIN = "XX1SPARK00000001"
NCMD = "spBv1.0/plant/NCMD/edge1"
NO_BIRTH = 'is not known: the birth of "plant/edge1/pack7" has not been received'


def rows(found):
    return [(row.vin, row.ts, tuple(row[3:])) for row in found.rows]


def row(clock="10:00:00", **values):
    return VIN, moment(clock), signals(**values)


@pytest.fixture
def node():
    return Node()


@pytest.fixture
def born(node):
    """Make a node whose birth has arrived."""
    node.receive("DBIRTH/edge1/pack7", BIRTH)
    node.loads.clear()
    return node


def test_names_need_no_birth(node):
    """A message with names and doubles is a reading; nothing is loaded or requested."""
    found = node.data(
        metric(double_value(81.5), name="Battery/SoC"),
        metric(double_value(-15.25), name="Battery/Current"),
        metric(double_value(5.0), name="Cabin/Temperature"),
    )
    assert rows(found) == [row(soc=81.5, pack_current=-15.25)]
    assert (found.rejections, found.statuses, found.birth, found.request) == ([], [], None, None)
    assert node.loads == []


def test_aliases_need_the_birth(born):
    """The birth explains alias and datatype: 65383 is -153 in 16 bits."""
    found = born.data(metric(float_value(81.5), alias=1), metric(whole(10, 65383), alias=2))
    assert rows(found) == [row(soc=81.5, pack_current=-153)]
    assert found.request is None
    assert born.loads == []


def test_each_metric_has_its_own_time(born):
    """Different times become several rows; the payload's time stands in for a missing one."""
    found = born.data(
        metric(float_value(81.5), alias=1, ts=TEN + 123),
        metric(whole(10, 7), alias=2, ts=TEN),
        metric(double_value(352.4), name="Battery/Voltage", ts=None),
        ts=TEN + 5000,
    )
    assert rows(found) == [
        row(pack_current=7),
        row("10:00:00.123000", soc=81.5),
        row("10:00:05", pack_voltage=352.4),
    ]
    found = born.data(metric(float_value(81.5), alias=1, ts=None), ts=None)
    assert lone(found) == ("bad_reading", "ts of soc: is missing")


def test_a_metric_may_come_several_times(born):
    """A device that was offline sends what it has kept, as historical values."""
    is_historical = whole(5, 1)
    found = born.data(
        *(metric(float_value(80 + n / 2), alias=1, ts=TEN + 1000 * n, extra=is_historical) for n in range(3)),
        metric(float_value(80.0), alias=1, ts=TEN),
    )
    assert rows(found) == [row(soc=80), row("10:00:01", soc=80.5), row("10:00:02", soc=81)]
    assert found.rejections == []
    found = born.data(metric(float_value(80), alias=1), metric(float_value(90), alias=1))
    assert rows(found) == [row(soc=80)]
    assert lone(found) == ("bad_reading", "soc: has two values of one time")


def test_the_better_metric_is_taken(node):
    """The first of several names that has a value; null is none."""
    found = node.data(
        metric(double_value(60), name="SoC"), metric(double_value(61), name="Battery/StateOfCharge")
    )
    assert rows(found) == [row(soc=61)]
    found = node.data(metric(double_value(60), name="SoC"), metric(whole(7, 1), name="Battery/SoC"))
    assert rows(found) == [row(soc=60)]


@pytest.mark.parametrize(
    ("datatype", "value", "number"),
    [
        (1, whole(10, 251), -5),  # Int8 in its own 8 bits
        (1, whole(10, 2**32 - 5), -5),  # and extended to the field's 32
        (1, whole(10, 127), 127),
        (2, whole(10, 65531), -5),
        (2, whole(10, 2**32 - 2531), -2531),
        (3, whole(10, 2**32 - 5), -5),
        (3, whole(11, 2**64 - 5), -5),
        (4, whole(11, 2**64 - 5), -5),
        (5, whole(10, 251), 251),
        (6, whole(10, 2531), 2531),
        (8, whole(11, 2531), 2531),
        (None, whole(10, 127), 127),
        (None, whole(10, 256), 256),
        (9, float_value(-43.2), -43.2),
        (9, float_value(1e-20), 1e-20),
        (10, double_value(352.4), 352.4),
        (12, text(15, " -15.25 "), -15.25),
    ],
)
def test_numbers(node, datatype, value, number):
    """Two's complement by the datatype; a float of 32 bits as its shortest number; numbers in strings."""
    found = node.data(metric(value, name="Battery/Current", datatype=datatype))
    assert rows(found) == [row(pack_current=number)]


@pytest.mark.parametrize(
    "value", [whole(7, 1), b"", text(15, ""), text(15, "NaN"), text(15, " unknown "), text(15, "null")]
)
def test_null_is_no_signal(node, value):
    """is_null, no value at all, and the words for none."""
    found = node.data(metric(value, name="Battery/SoC", datatype=12))
    assert found == ([], [], [], None, None)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (whole(14, 1), "a boolean"),
        (whole(14, 0), "a boolean"),
        (text(15, "full"), '"full"'),
        (text(15, b"\xff"), r'"\xff"'),
        (text(16, b"\x00"), "the value"),
        (text(17, b""), "the value"),
        (text(18, b""), "the value"),
        (whole(10, 300), "the value"),  # does not fit its 8 bits
    ],
)
def test_other_values_are_rejected(node, value, words):
    """They spoil no other metric of the message."""
    found = node.data(
        metric(value, name="Battery/SoC", datatype=1), metric(double_value(20), name="Battery/MaxTemp")
    )
    assert rows(found) == [row(max_temp=20)]
    assert lone(found) == ("bad_value", f"soc (Battery/SoC): {words} is not a number")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 101.0, -1.0, 1e300])
def test_values_out_of_range_are_rejected(node, value):
    """As in a native reading."""
    reason, detail = lone(node.data(metric(double_value(value), name="Battery/SoC")))
    assert reason == "bad_reading"
    assert detail.startswith("soc:")


@pytest.mark.parametrize("ts", [0, 1, 2**53, 2**63, 2**64 - 1])
def test_times_out_of_range_are_rejected(node, ts):
    """Before the year 2000, or beyond the calendar."""
    reason, detail = lone(node.data(metric(double_value(50), name="Battery/SoC", ts=ts)))
    assert reason == "bad_reading"
    assert detail.startswith("ts")


@pytest.mark.parametrize("number", [128, 255, 32768, 65535, 2**31, 2**32 - 1])
def test_a_whole_number_without_a_datatype(node, number):
    """It may be negative: only the birth tells."""
    found = node.data(metric(whole(10, number), name="Battery/Voltage"))
    assert rows(found) == []
    assert lone(found) == ("unknown_alias", f'the datatype of "Battery/Voltage" {NO_BIRTH}')
    assert found.request is not None
    node.receive("DBIRTH/edge1/pack7", b"" + metric(whole(7, 1), name="Battery/Voltage", datatype=7, alias=4))
    again = node.data(metric(whole(10, number), name="Battery/Voltage"))
    assert (len(again.rows) == 1) == (number <= 6000)
    assert all(reason.reason.value == "bad_reading" for reason in again.rejections)


def test_an_unknown_alias(node):
    """The message is kept whole, and births are requested once in a minute."""
    found = node.data(metric(double_value(20), name="Battery/MaxTemp"), metric(float_value(81.5), alias=7))
    assert rows(found) == []
    assert lone(found) == ("unknown_alias", f"alias 7 {NO_BIRTH}")
    assert found.request == (NCMD, rebirth_request(TEN + 1000))
    assert node.data(metric(float_value(81.5), alias=7)).request is None
    assert node.data(metric(float_value(81.5), alias=7), device="pack8").request is None
    node.now += 59.9
    assert node.data(metric(float_value(81.5), alias=7)).request is None
    node.now += 0.1
    assert node.data(metric(float_value(81.5), alias=7)).request is not None


def test_an_alias_that_the_birth_lacks(born):
    """The birth is out of date, so the aliases that it has are not trusted either."""
    found = born.data(metric(float_value(81.5), alias=1), metric(float_value(81.5), alias=7))
    assert rows(found) == []
    expected = 'alias 7 is not known: the birth of "plant/edge1/pack7" does not announce it'
    assert lone(found) == ("unknown_alias", expected)
    assert found.request is not None


def test_a_rejection_can_be_read_after_the_birth(node):
    """A replay decodes the kept message with the birth of today."""
    (kept,) = node.data(metric(float_value(81.5), alias=1)).rejections
    node.receive("DBIRTH/edge1/pack7", BIRTH)
    assert rows(node.receive("DDATA/edge1/pack7", kept.payload)) == [row(soc=81.5)]


def test_a_birth(node):
    """Its values are readings, the device is online, and the birth is to be stored."""
    found = node.receive("DBIRTH/edge1/pack7", BIRTH)
    assert rows(found) == [row(soc=63)]
    assert found.statuses == [(VIN, Status.ONLINE, moment("10:00:01"))]
    assert found.birth.node == "plant/edge1/pack7"
    assert found.birth.birth.aliases[2] == "Battery/Current"
    assert (found.rejections, found.request) == ([], None)


def test_a_later_birth_replaces_all_aliases(born):
    """An edge node that starts again may number its metrics in another way."""
    born.receive("DBIRTH/edge1/pack7", metric(whole(7, 1), name="Battery/MaxTemp", alias=1, datatype=2))
    assert rows(born.data(metric(whole(10, 21), alias=1))) == [row(max_temp=21)]
    assert lone(born.data(metric(whole(10, 21), alias=2)))[0] == "unknown_alias"


def test_a_bad_value_in_a_birth(node):
    """Its aliases are taken over all the same."""
    found = node.receive("DBIRTH/edge1/pack7", metric(text(15, "x"), name="SoC", alias=1, datatype=12))
    assert lone(found) == ("bad_value", 'soc (SoC): "x" is not a number')
    assert found.birth is not None
    assert [status.status for status in found.statuses] == [Status.ONLINE]


def test_a_birth_without_datatypes(node):
    """It explains names, but no number that may be negative."""
    found = node.receive("DBIRTH/edge1/pack7", metric(whole(10, 200), name="Battery/Voltage", alias=1))
    assert lone(found)[0] == "bad_payload"
    assert found.birth is not None
    assert rows(node.data(metric(float_value(352.5), alias=1))) == [row(pack_voltage=352.5)]


def test_a_stored_birth_is_used_and_not_trusted(born):
    """A birth that was sent while the worker was away is lost: the stored one is used, and one requested."""
    born.decoder.begin_connection()
    found = born.data(metric(float_value(81.5), alias=1))
    assert rows(found) == [row(soc=81.5)]
    assert found.request == (NCMD, rebirth_request(TEN + 1000))
    assert born.loads == ["plant/edge1/pack7"]
    assert born.data(metric(float_value(81.5), alias=1)).request is None
    born.now += 100
    born.receive("DBIRTH/edge1/pack7", BIRTH)
    assert born.data(metric(float_value(81.5), alias=1)).request is None
    assert born.loads == ["plant/edge1/pack7"]


def test_a_new_connection_may_request_at_once(node):
    """The request of the connection before may be lost with it."""
    assert node.data(metric(float_value(81.5), alias=1)).request is not None
    node.decoder.begin_connection()
    assert node.data(metric(float_value(81.5), alias=1)).request is not None


def test_a_missing_birth_is_not_loaded_with_each_message(node):
    """Once in five seconds, so that another worker's birth is found."""
    for _ in range(10):
        node.data(metric(float_value(81.5), alias=1))
    assert len(node.loads) == 1
    node.now += 5
    node.data(metric(float_value(81.5), alias=1))
    assert len(node.loads) == 2


def test_an_error_of_the_database_is_passed_on(node):
    """The caller waits for the database and decodes the message again."""

    def fail(_node):
        raise ConnectionError

    node._load, load = fail, node._load
    node.decoder._births._load = fail
    with pytest.raises(ConnectionError):
        node.data(metric(float_value(81.5), alias=1))
    node.decoder._births._load = load
    assert node.data(metric(float_value(81.5), alias=1)).request is not None


def test_deaths_of_devices(born):
    """DDEATH: the device is offline; of a device that is no vehicle nothing is said."""
    found = born.receive("DDEATH/edge1/pack7", whole(1, TEN) + whole(3, 5))
    assert found.statuses == [(VIN, Status.OFFLINE, moment("10:00:01"))]
    assert born.receive("DDEATH/edge1/pump", whole(3, 5)) == ([], [], [], None, None)
    assert lone(born.receive("DDEATH/edge1/pack7", b"\xff"))[0] == "bad_payload"
    assert born.receive("DDEATH/edge1/pack7", b"") == ([], [], [], None, None)


def test_deaths_of_edge_nodes(born):
    """NDEATH: all known devices of that node are offline, those of others are not."""
    born.receive("DBIRTH/edge1/pack8", BIRTH)
    born.receive("DBIRTH/edge1/pump", BIRTH)
    death = metric(whole(11, 0), name="bdSeq", datatype=4)
    both = [(VIN, Status.OFFLINE), ("XX1SPARK00000002", Status.OFFLINE)]
    found = born.receive("NDEATH/edge1", death)
    assert [status[:2] for status in found.statuses] == both
    assert born.receive("NDEATH/edge10", death).statuses == []
    assert born.receive("NDEATH/edge", death).statuses == []
    born.decoder.begin_connection()
    assert [status[:2] for status in born.receive("NDEATH/edge1", death).statuses] == both


def test_a_birth_that_is_not_stored_yet_counts_for_a_death(born):
    """Both may be in one batch."""
    born.stored.clear()
    assert len(born.receive("NDEATH/edge1", metric(whole(11, 0), name="bdSeq")).statuses) == 1


def test_an_unknown_vehicle(node):
    """It is an error only where there is a signal: a group has other devices, too."""
    expected = ("unknown_vehicle", '"pump" is not among the vehicles of source sparkplug')
    assert lone(node.data(metric(double_value(50), name="SoC"), device="pump")) == expected
    assert node.data(metric(double_value(50), name="Flow"), device="pump") == ([], [], [], None, None)
    found = node.receive("DBIRTH/edge1/pump", BIRTH)
    assert lone(found) == expected
    assert (found.birth.node, found.statuses) == ("plant/edge1/pump", [])


def test_a_device_has_its_own_signals():
    """Of two devices one has the other sign and another name."""
    node = Node(SOURCE + 'device = { pack8 = { pack_current = { at = "I", sign = -1 } } }\n')
    metrics = [metric(double_value(7), name="I"), metric(double_value(9), name="Battery/Current")]
    assert rows(node.data(*metrics)) == [row(pack_current=9)]
    assert [tuple(one[3:]) for one in node.data(*metrics, device="pack8").rows] == [signals(pack_current=-7)]


@pytest.mark.parametrize("content", [b"{}", b"\xff", b'{"soc":81.5}', b"\x0a\x01\x31"])
@pytest.mark.parametrize("verb", ["DDATA", "DBIRTH", "DDEATH"])
def test_malformed_payloads(node, verb, content):
    """The message is kept with its reason; no birth is taken from it."""
    found = node.receive(f"{verb}/edge1/pack7", content)
    reason, detail = lone(found)
    assert reason == "bad_payload"
    assert detail.startswith("is no Sparkplug B payload: ")
    (rejection,) = found.rejections
    assert (rejection.vin, rejection.payload, rejection.topic[-5:]) == (VIN, content, b"pack7")
    assert (found.rows, found.birth, found.request, node.stored) == ([], None, None, {})


def test_payloads_that_are_too_large(node):
    """Over 1 MiB, or over 10,000 metrics."""
    huge = text(5, bytes(1024 * 1024))
    assert lone(node.receive("DDATA/edge1/pack7", huge)) == (
        "too_large",
        "1048580 bytes; 1048576 are the limit",
    )
    many = b"\x12\x00" * 10_001
    found = node.receive("DBIRTH/edge1/pack7", many)
    assert lone(found) == ("too_many", "10,001 metrics; 10,000 are the limit")
    assert found.birth is None


@pytest.mark.parametrize("topic", [f"DBIRTH/{'e' * 500}/pack7", "DBIRTH//pack7", "DBIRTH/a\0b/pack7"])
def test_births_that_can_not_be_stored(node, topic):
    """An edge node without a name, or with one that no index takes."""
    found = node.receive(topic, BIRTH)
    assert lone(found)[0] == "bad_topic"
    assert found.birth is None


def test_the_decoder_of_other_payloads_refuses(node):
    """A wrong call is an error, not a message without a signal."""
    name = b"spBv1.0/plant/DDATA/edge1/pack7"
    match = node.sources.match(name)
    with pytest.raises(TypeError, match="SparkplugDecoder"):
        decode_mapped(match, name, BIRTH, received_at=moment("10:00:00"), latest=LATEST)
    with pytest.raises(TypeError, match="Sparkplug"):
        node.decoder.decode(
            match._replace(sparkplug=None), name, BIRTH, received_at=moment("10:00:00"), latest=LATEST
        )
