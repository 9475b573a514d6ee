"""Fields of protocol buffers as bytes: varints, 32 and 64 bits, and lengths."""

import struct

_VARINT, _BITS_64, _LENGTH, _BITS_32 = 0, 1, 2, 5


def varint(number: int) -> bytes:
    """Encode a whole number that is not negative: 7 bits a byte, the lowest first."""
    found = bytearray()
    while number > 0x7F:
        found.append(number & 0x7F | 0x80)
        number >>= 7
    found.append(number)
    return bytes(found)


def whole_field(field: int, number: int) -> bytes:
    """Encode a field of a whole number or a boolean."""
    return varint(field << 3 | _VARINT) + varint(number)


def float_field(field: int, number: float) -> bytes:
    """Encode a field of a number of 32 bits."""
    return varint(field << 3 | _BITS_32) + struct.pack("<f", number)


def double_field(field: int, number: float) -> bytes:
    """Encode a field of a number of 64 bits."""
    return varint(field << 3 | _BITS_64) + struct.pack("<d", number)


def bytes_field(field: int, content: bytes) -> bytes:
    """Encode a field of a text or of a message."""
    return varint(field << 3 | _LENGTH) + varint(len(content)) + content
