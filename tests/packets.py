"""MQTT 3.1.1 packets as a broker writes them, built naively."""


def remaining(number):
    """Encode a length, seven bits at a time."""
    return bytes([number]) if number < 128 else bytes([128 + number % 128]) + remaining(number // 128)


def packet(first, body=b""):
    """Build a packet from its first byte and the bytes behind the length."""
    return bytes([first]) + remaining(len(body)) + body


def publish(topic, payload=b"", *, qos=1, mid=1, dup=False, retain=False):
    """Build a PUBLISH; at QoS 0 it has no packet id."""
    numbered = mid.to_bytes(2, "big") if qos else b""
    return packet(
        0x30 + 8 * dup + 2 * qos + retain, len(topic).to_bytes(2, "big") + topic + numbered + payload
    )


def acknowledged(packets):
    """Return the ids in consecutive PUBACKs."""
    pubacks = [packets[start : start + 4] for start in range(0, len(packets), 4)]
    assert all(len(one) == 4 and one[:2] == b"\x40\x02" for one in pubacks)
    return [int.from_bytes(one[2:], "big") for one in pubacks]
