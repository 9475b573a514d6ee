"""The callbacks of a subscriber, called by hand: no broker, no network thread."""

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from tests.packets import publish

TOPIC = b"vehicles/VIN-00001/telemetry"


def connect(subscriber, *, session=True, refused=None):
    """Call the callback with which paho reports the CONNACK."""
    reason = ReasonCode(PacketTypes.CONNACK, refused or "Success")
    subscriber.client.on_connect(subscriber.client, None, mqtt.ConnectFlags(session), reason, None)


def granted(subscriber, *codes):
    """Call the callback with which paho reports the SUBACK."""
    reasons = [ReasonCode(PacketTypes.SUBACK, identifier=code) for code in codes or (1,)]
    subscriber.client.on_subscribe(subscriber.client, None, 1, reasons, None)


def disconnect(subscriber, name="Unspecified error"):
    """Call the callback with which paho reports a lost link."""
    reason = ReasonCode(PacketTypes.DISCONNECT, name)
    flags = mqtt.DisconnectFlags(is_disconnect_packet_from_server=False)
    subscriber.client.on_disconnect(subscriber.client, None, flags, reason, None)


def arrive(subscriber, *packets):
    """Hand over messages as the network thread hands over those of one read."""
    client = subscriber.client
    client.on_messages(client.framer.feed(b"".join(packets)))


def receive(subscriber, mid=1, qos=1, topic=TOPIC, payload=b"{}"):
    """Let a message arrive; returns it as the worker takes it."""
    arrive(subscriber, publish(topic, payload, qos=qos, mid=mid))
    [delivery] = subscriber.take(0)
    return delivery
