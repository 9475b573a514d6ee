"""The text of a key: 32 random bytes, of which only the digest is stored."""

import hashlib
import secrets
import string

PREFIX = "bt_"
"""Begin of each key, by which scanners for leaked secrets can find one."""
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_LENGTH = 43  # the digits of 2**256 - 1 in base 62


def new_key() -> str:
    """Make a key: `bt_` and 43 letters and digits."""
    number, digits = int.from_bytes(secrets.token_bytes(32)), ""
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return PREFIX + digits


def digest(key: bytes) -> bytes:
    """Return the digest by which a key is known.

    A single SHA-256: a key has 256 random bits, so a slow hash would protect nothing and cost each call.
    """
    return hashlib.sha256(key).digest()
