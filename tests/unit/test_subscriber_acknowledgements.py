"""Acknowledgements and receipts: which are sent, when and on which connection."""

import threading

import pytest

from ingest_worker.mqtt_packets import Framer
from tests import packets
from tests.packets import publish
from tests.paho_callbacks import TOPIC, arrive, connect, disconnect, receive


def acknowledged(subscriber):
    """Return the ids of the PUBACKs that the client was asked to send."""
    return packets.acknowledged(b"".join(subscriber.client.acknowledgements))


def receipts(subscriber):
    """Return the PUBLISHes that the client was asked to send."""
    return Framer().feed(b"".join(subscriber.client.publishes))


def test_order_of_receipt(subscriber):
    """Deliveries are taken in the order in which they came."""
    connect(subscriber)
    arrive(subscriber, publish(TOPIC, mid=5), publish(TOPIC, mid=3))
    arrive(subscriber, publish(TOPIC, mid=4))
    assert len(subscriber.inbox) == 3
    taken = [delivery.mid for _ in range(2) for delivery in subscriber.take(0)]
    assert taken == [b"\0\5", b"\0\3", b"\0\4"]
    assert subscriber.take(0) == []


def test_nothing_is_acknowledged_by_itself(subscriber):
    """Receiving is not storing."""
    connect(subscriber)
    receive(subscriber)
    assert acknowledged(subscriber) == []


def test_acknowledged_on_its_own_connection(subscriber):
    """Acknowledgements are sent in the order of the calls."""
    connect(subscriber)
    for delivery in [receive(subscriber, mid) for mid in (3, 1, 2)]:
        subscriber.acknowledge([delivery])
    assert acknowledged(subscriber) == [3, 1, 2]


def test_many_are_acknowledged_at_once(subscriber):
    """In one call of the client, in their order, without those at QoS 0 and those of another connection."""
    connect(subscriber)
    old = receive(subscriber, 9)
    disconnect(subscriber)
    connect(subscriber)
    arrive(subscriber, *(publish(TOPIC, mid=mid) for mid in (3, 1)), publish(TOPIC, qos=0))
    arrive(subscriber, publish(TOPIC, mid=65_535))
    subscriber.acknowledge([old, *subscriber.take(0), *subscriber.take(0)])
    assert acknowledged(subscriber) == [3, 1, 65_535]
    assert len(subscriber.client.acknowledgements) == 1


def test_qos_0_is_not_acknowledged(subscriber):
    """A message of QoS 0 has no id; an acknowledgement would be that of another message."""
    connect(subscriber)
    subscriber.acknowledge([receive(subscriber, mid=0, qos=0)])
    assert acknowledged(subscriber) == []


def test_not_while_the_link_is_down(subscriber):
    """The acknowledgement would go out on the next connection."""
    connect(subscriber)
    delivery = receive(subscriber)
    disconnect(subscriber)
    subscriber.acknowledge([delivery])
    assert acknowledged(subscriber) == []


def test_not_without_the_network_thread(subscriber):
    """Paho would write from the worker's thread, fail there, and call us back while we hold the lock."""
    connect(subscriber)
    delivery = receive(subscriber)
    subscriber.client.is_running = False
    subscriber.acknowledge([delivery])
    assert acknowledged(subscriber) == []


def test_a_link_that_breaks_during_an_acknowledgement(subscriber):
    """Paho may report the end of the connection from within the same call: no deadlock."""
    connect(subscriber)
    delivery = receive(subscriber)
    subscriber.client.send_acknowledgements = lambda packets: disconnect(subscriber)
    rival = threading.Thread(target=subscriber.acknowledge, args=([delivery],), daemon=True)
    rival.start()
    rival.join(5)
    assert not rival.is_alive()
    assert not subscriber.connection.is_up


@pytest.mark.parametrize("session", [True, False])
def test_not_on_a_later_connection(subscriber, session):
    """There its id may belong to a new message that is not stored yet: that one would be lost."""
    connect(subscriber)
    old = receive(subscriber, mid=1)
    disconnect(subscriber)
    connect(subscriber, session=session)
    new = receive(subscriber, mid=1)
    subscriber.acknowledge([old])
    assert acknowledged(subscriber) == []
    subscriber.acknowledge([new])
    assert acknowledged(subscriber) == [1]
    assert (old.epoch, new.epoch) == (1, 2)


def test_a_connection_that_was_replaced_unnoticed(subscriber):
    """Two CONNACKs without a disconnect between them are two connections all the same."""
    connect(subscriber)
    old = receive(subscriber)
    connect(subscriber)
    subscriber.acknowledge([old])
    assert acknowledged(subscriber) == []


def test_a_refused_reconnect_does_not_bring_the_link_up(subscriber):
    """After a CONNACK that refuses, old deliveries stay unacknowledged."""
    connect(subscriber)
    delivery = receive(subscriber)
    disconnect(subscriber)
    connect(subscriber, refused="Not authorized")
    subscriber.acknowledge([delivery])
    assert acknowledged(subscriber) == []


def test_callbacks_and_acknowledgements_exclude_each_other(subscriber):
    """During an acknowledgement no callback can begin another connection."""
    connect(subscriber)
    delivery = receive(subscriber)
    seen = []

    def send(packets):
        rival = threading.Thread(target=disconnect, args=(subscriber,))
        rival.start()
        rival.join(0.05)
        seen.append((packets, subscriber.connection.is_up, rival.is_alive()))
        rivals.append(rival)

    rivals = []
    subscriber.client.send_acknowledgements = send
    subscriber.acknowledge([delivery])
    rivals[0].join()
    assert seen == [(b"\x40\x02\0\1", True, True)]
    assert not subscriber.connection.is_up


def test_receipts_and_acknowledgements_are_one_call_each(subscriber):
    """The receipts of a batch are one piece, its acknowledgements another: each piece is one write."""
    connect(subscriber)
    deliveries = [receive(subscriber, mid) for mid in (4, 2)]
    assert subscriber.publish((f"vehicles/{n}/receipts", b"%d" % n) for n in range(3)) is True
    subscriber.acknowledge(deliveries)
    assert len(subscriber.client.publishes) == len(subscriber.client.acknowledgements) == 1
    assert [(one.topic, one.payload, one.qos, one.mid) for one in receipts(subscriber)] == [
        (b"vehicles/%d/receipts" % n, b"%d" % n, 1, bytes([0, n + 1])) for n in range(3)
    ]
    assert acknowledged(subscriber) == [4, 2]


def test_receipts_are_numbered_on(subscriber):
    """From one batch to the next, over connections as well."""
    connect(subscriber)
    subscriber.publish([("t", b""), ("t", b"")])
    disconnect(subscriber)
    connect(subscriber)
    subscriber.publish([("t", b"")])
    assert [int.from_bytes(one.mid, "big") for one in receipts(subscriber)] == [1, 2, 3]


@pytest.mark.parametrize("broken", ["link", "thread"])
def test_receipts_that_cannot_be_sent(subscriber, broken):
    """The caller gets False, and no receipt is kept for another connection."""
    connect(subscriber)
    if broken == "link":
        disconnect(subscriber)
    else:
        subscriber.client.is_running = False
    assert subscriber.publish([("t", b"")]) is False
    assert subscriber.client.publishes == []
