"""Messages of sources in the worker: joined, held for a short time, retained or repeated."""

from datetime import timedelta

import pytest

from ingest_worker.delivery import Delivery
from ingest_worker.sources.source_reader import SourceOutcome, SourceReader
from shared.sources.decode import decode_mapped
from shared.sources.sparkplug_decoder import SparkplugDecoder
from tests.mapped import LATEST, mapping, moment
from tests.sparkplug import BIRTH, SOURCE, float_value, metric, payload

OVMS = """
[[source]]
dialect = "ovms"
prefix = "ovms/me"
vehicles = { DEMO1 = "XX1OVMS0000000001", DEMO2 = "XX1OVMS0000000002" }
"""
FLEET = """
[[source]]
name = "fleet"
topic = "fleet"
each = ""
vehicle = "/id"
unknown = "as_is"
time = "arrival"
signals = { soc = "/soc" }
"""
METRIC = "ovms/me/DEMO1/metric/v/"


def delivery(topic, payload, clock="10:00:00", *, qos=1, mid=1, retained=False, repeated=False):
    sent = payload if isinstance(payload, bytes) else payload.encode()
    mid = mid.to_bytes(2, "big") if qos else b""
    return Delivery(topic.encode(), sent, qos, mid, retained, repeated, 1, moment(clock))


class Driven:
    """A reader with the entries that it has yielded."""

    def __init__(self, text=OVMS, max_held=100):
        self.commands = []
        self.births = {}
        sparkplug = SparkplugDecoder(self.births.get, lambda _edge: (), lambda: 0.0)
        self.reader = SourceReader(
            mapping(text),
            max_held=max_held,
            sparkplug=sparkplug,
            command=lambda *command: self.commands.append(command),
        )
        self.entries = []

    def read(self, *deliveries, stored_before=()):
        for one in deliveries:
            match = self.reader.sources.match(one.topic)
            options = {"latest": LATEST, "client_id": "worker", "stored_before": stored_before}
            self.entries += self.reader.read(one, match, **options)
        return self

    def due(self, clock):
        self.entries += self.reader.due(moment(clock), "worker")
        return self

    def rows(self):
        """Return the time of day, the VIN and the known signals of each row."""
        names = ("soc", "soh", "pack_voltage", "pack_current", "max_temp", "min_temp", "odo_km")
        return [
            (
                row.ts.time().isoformat(),
                row.vin,
                {n: getattr(row, n) for n in names if getattr(row, n) is not None},
            )
            for entry in self.entries
            for row in entry.decoded.rows
        ]

    def outcomes(self, source="ovms"):
        return {outcome: n for (name, outcome), n in self.reader.counts.items() if n and name == source}


def test_values_that_arrive_together_are_one_row():
    """One row with the time of the first message; all its messages wait for the row's commit."""
    sent = [
        delivery(METRIC + "b/soc", "81.5", "10:00:00.1", mid=1),
        delivery(METRIC + "b/voltage", "352.4", "10:00:00.131", mid=2),
        delivery(METRIC + "p/odometer", "123457", "10:00:00.4", mid=3),
    ]
    driven = Driven().read(*sent)
    assert (driven.entries, driven.reader.held) == ([], 3)
    driven.due("10:00:00.599999")
    assert driven.entries == []
    [entry] = driven.due("10:00:00.6").entries
    values = {"soc": 81.5, "pack_voltage": 352.4, "odo_km": 123457.0}
    assert driven.rows() == [("10:00:00.100000", "XX1OVMS0000000001", values)]
    assert (entry.deliveries, entry.arrivals.deliveries) == (sent, tuple(sent))
    assert entry.arrivals.client_id == "worker"
    assert driven.reader.held == 0


def test_a_signal_that_comes_again_begins_another_row():
    """Never two values of a signal in one row; the times of two rows differ by 1 µs at least."""
    driven = Driven().read(
        delivery(METRIC + "b/current", "-20.25", "10:00:05.09", mid=1),
        delivery(METRIC + "b/current", "-21", "10:00:05.09", mid=2),
    )
    assert [row[2] for row in driven.rows()] == [{"pack_current": -20.25}]
    driven.due("10:00:06")
    assert [row[0] for row in driven.rows()] == ["10:00:05.090000", "10:00:05.090001"]


def test_two_vehicles_do_not_mix():
    """Each vehicle has its own rows."""
    driven = Driven().read(
        delivery(METRIC + "b/soc", "81.5", mid=1),
        delivery("ovms/me/DEMO2/metric/v/b/soh", "90", mid=2),
    )
    driven.due("10:00:01")
    assert [(vin, values) for _, vin, values in driven.rows()] == [
        ("XX1OVMS0000000001", {"soc": 81.5}),
        ("XX1OVMS0000000002", {"soh": 90.0}),
    ]


def test_a_retained_value_without_a_time_is_no_reading():
    """It is acknowledged and counted; an empty retained payload is a cleared one."""
    kept = delivery(METRIC + "b/soc", "81.5", retained=True)
    cleared = delivery(METRIC + "b/soc", "", retained=True, mid=2)
    driven = Driven().read(kept, cleared).due("10:00:01")
    assert [entry.deliveries for entry in driven.entries] == [(kept,), (cleared,)]
    assert driven.rows() == []
    assert driven.outcomes() == {"retained": 1, "cleared": 1}


def test_a_message_that_was_stored_before_is_acknowledged():
    """No second row; others of the same burst are stored."""
    again = delivery(METRIC + "b/soc", "81.5", repeated=True)
    driven = Driven()
    assert driven.reader.may_be_stored(again)
    driven.read(again, delivery(METRIC + "b/soh", "90", mid=2), stored_before={again}).due("10:00:01")
    assert [values for _, _, values in driven.rows()] == [{"soh": 90.0}]
    assert driven.outcomes() == {"repeated": 1, "reading": 1}


@pytest.mark.parametrize(
    "one",
    [
        delivery(METRIC + "b/soc", "81.5"),
        delivery(METRIC + "b/soc", "81.5", qos=0, repeated=True),
        delivery(METRIC + "b/soc", "81.5", retained=True, repeated=True),
        delivery(METRIC + "b/soc", "", repeated=True),
        delivery("vehicles/VIN-00001/telemetry", "{}", repeated=True),
    ],
)
def test_only_a_repeated_value_without_a_time_is_looked_up(one):
    """A first delivery, QoS 0, a retained or an empty one, a topic of no source: nothing to look up."""
    assert not Driven().reader.may_be_stored(one)


def test_room_is_made_by_the_oldest_row():
    """Beyond the limit the oldest row is complete as it is, without its missing signals."""
    driven = Driven(max_held=2).read(
        delivery(METRIC + "b/soc", "81.5", "10:00:00", mid=1),
        delivery("ovms/me/DEMO2/metric/v/b/soh", "90", "10:00:00.1", mid=2),
        delivery("ovms/me/DEMO2/metric/v/b/soc", "50", "10:00:00.2", mid=3),
    )
    assert driven.rows() == [("10:00:00", "XX1OVMS0000000001", {"soc": 81.5})]
    assert driven.reader.held == 2


def test_room_is_made_for_large_messages():
    """Messages of many vehicles, each of a megabyte, would fill the memory long before their number does."""
    large = '{{"id": "VIN-{:05}", "soc": 50, "more": "' + "x" * 1_000_000 + '"}}'
    driven = Driven(FLEET, max_held=2_000).read(*(delivery("fleet", large.format(n)) for n in range(12)))
    assert driven.reader.held == 4
    assert [vin for _, vin, _ in driven.rows()] == [f"VIN-{n:05}" for n in range(8)]


def test_a_stop_completes_every_row():
    """No message stays held."""
    driven = Driven().read(delivery(METRIC + "b/soc", "81.5"))
    driven.entries += driven.reader.drain("worker")
    assert len(driven.rows()) == 1
    assert driven.reader.due_in() is None


def test_one_good_value_hides_no_rejection():
    """A message of which a part is rejected is not held for others."""
    [entry] = (
        Driven(FLEET).read(delivery("fleet", '[{"id":"VIN-00001","soc":1},{"id":"??","soc":3}]')).entries
    )
    assert (len(entry.decoded.rows), len(entry.decoded.rejections)) == (1, 1)


def test_a_message_of_several_vehicles():
    """Each is a row at once, and all belong to the one message."""
    sent = delivery("fleet", '[{"id":"VIN-00001","soc":1},{"id":"VIN-00002","soc":2},{"id":"??","soc":3}]')
    [entry] = Driven(FLEET).read(sent).entries
    assert [(row.vin, row.soc, row.ts) for row in entry.decoded.rows] == [
        ("VIN-00001", 1.0, sent.received_at),
        ("VIN-00002", 2.0, sent.received_at),
    ]
    assert [one.reason for one in entry.decoded.rejections] == ["unknown_vehicle"]
    assert entry.arrivals.deliveries == (sent,)


def test_each_message_has_one_outcome():
    """The sum over the outcomes is the number of messages."""
    sent = [
        delivery(METRIC + "b/soc", "81.5"),
        delivery(METRIC + "b/soc", "nan"),
        delivery(METRIC + "b/soc", "full"),
        delivery("ovms/me/OTHER/metric/v/b/soc", "50"),
        delivery(METRIC + "b/soc", ""),
        delivery(METRIC + "b/soc", "9", retained=True),
    ]
    driven = Driven().read(*sent).due("10:00:01")
    assert driven.outcomes() == {"reading": 1, "no_signal": 1, "rejected": 2, "cleared": 1, "retained": 1}
    assert {outcome.value for outcome in SourceOutcome} == {outcome for _, outcome in driven.reader.counts}


def test_the_next_row_is_due():
    """The worker's loop waits no longer than until then."""
    driven = Driven()
    assert driven.reader.due_in() is None
    driven.read(delivery(METRIC + "b/soc", "81.5"))
    assert driven.reader.due_in() < timedelta(0).total_seconds()


def test_a_backlog_of_which_the_newest_counts():
    """Values that waited together: the newest of each signal becomes the row, the others are rejections."""
    driven = Driven(OVMS + 'backlog = "newest"\n').read(
        delivery(METRIC + "b/soc", "80", "10:00:00", mid=1),
        delivery(METRIC + "b/voltage", "352.4", "10:00:00", mid=2),
        delivery(METRIC + "b/soc", "81", "10:00:00.01", mid=3),
        delivery(METRIC + "b/soc", "82", "10:00:00.02", mid=4),
        delivery(METRIC + "b/soc", "83", "10:00:00.3", mid=5),
    )
    driven.due("10:00:02")
    values = {"soc": 82.0, "pack_voltage": 352.4}
    assert [row[2] for row in driven.rows()] == [values, {"soc": 83.0}]
    refused = [one for entry in driven.entries for one in entry.decoded.rejections]
    assert [(one.reason, one.payload) for one in refused] == [("no_time", b"80"), ("no_time", b"81")]
    assert len({one.id for one in refused}) == 2
    assert driven.outcomes() == {"reading": 3, "rejected": 2}
    assert driven.reader.held == 0


def test_a_long_backlog_of_one_signal():
    """The newest value becomes the row, also where the first one came longer ago than values are joined."""
    sent = [delivery(METRIC + "b/soc", str(n), f"10:00:00.{n:02}", mid=n + 1) for n in range(0, 90, 15)]
    driven = Driven(OVMS + 'backlog = "newest"\n').read(*sent).due("10:00:02")
    assert [row[2] for row in driven.rows()] == [{"soc": 75.0}]
    assert driven.outcomes()["rejected"] == len(sent) - 1
    assert driven.reader.held == 0


def test_a_value_that_is_refused_twice_is_kept_twice():
    """Without a time in the message the arrival tells two rejections apart; with one, it does not."""
    again = [delivery("ovms/me/OTHER/metric/v/b/soc", "50", clock) for clock in ("10:00:00", "11:00:00")]
    entries = Driven().read(*again).entries
    assert len({one.id for entry in entries for one in entry.decoded.rejections}) == 2
    own = mapping('[[source]]\ndialect = "vss"\n')
    topic = b"vss/??"
    ids = {
        one.id
        for clock in ("10:00:00", "11:00:00")
        for one in decode_mapped(
            own.match(topic),
            topic,
            b'{"Vehicle.Powertrain.TractionBattery.CurrentVoltage":350,"ts":"2026-03-01T09:00:00Z"}',
            received_at=moment(clock),
            latest=LATEST,
        ).rejections
    }
    assert len(ids) == 1


def test_a_birth_and_what_follows():
    """Births are kept with their batch and are a status; data is read by the birth of its device."""
    node = "spBv1.0/plant/{}/edge/pack7"
    data = payload(metric(float_value(64.0), alias=1))
    born, sent = delivery(node.format("DBIRTH"), BIRTH), delivery(node.format("DDATA"), data, mid=2)
    death = delivery("spBv1.0/plant/NDEATH/edge", payload(), mid=3)
    driven = Driven(SOURCE).read(born, sent, death)
    assert driven.entries[0].birth.node == "plant/edge/pack7"
    assert [one.status for one in driven.entries[0].statuses] == ["online"]
    assert [row.soc for entry in driven.entries for row in entry.decoded.rows] == [63.0, 64.0]
    assert [(one.vin, one.status) for one in driven.entries[2].statuses] == [("XX1SPARK00000001", "offline")]
    assert driven.outcomes("sparkplug") == {"reading": 2, "status": 1}
    assert driven.commands == []


def test_data_without_a_birth():
    """The message is a rejection, and the device is asked for its birth: again after a reconnect."""
    topic, data = "spBv1.0/plant/DDATA/edge/pack7", payload(metric(float_value(64.0), alias=1))
    driven = Driven(SOURCE).read(*(delivery(topic, data, mid=mid) for mid in (1, 2)))
    assert driven.outcomes("sparkplug") == {"rejected": 2}
    assert {one.reason for entry in driven.entries for one in entry.decoded.rejections} == {"unknown_alias"}
    assert [command[0] for command in driven.commands] == ["spBv1.0/plant/NCMD/edge"]
    later = delivery(topic, data, mid=3)
    later.epoch = 2
    driven.read(later)
    assert len(driven.commands) == 2
