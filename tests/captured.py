"""The captures of the shipped dialects as messages, and messages that differ from them."""

import json
from pathlib import Path

from hypothesis import strategies as st

from ingest_worker.sources.capture import read_capture
from tests.mapped import moment

CAPTURES = Path(__file__).parent / "captures"
DIALECTS = sorted(path.stem for path in CAPTURES.glob("*.toml"))

VALUES = st.sampled_from(
    [
        *(
            None,
            True,
            False,
            "",
            "nan",
            "INVALID",
            "-NA-",
            "12",
            " 12 ",
            "1_2",
            "1e1",
            "-0",
            "255",
            "1.5.2",
            "x",
        ),
        *(0, -0.0, 12.5, 0.1, 5e-324, 1e300, -1, 254, 255, 65535, 2**53, -(2**64), 10**400, 99999999),
        *(
            "2026-03-01T10:00:00Z",
            "2026-03-01T10:00:00.5Z",
            "2026-03-01T11:00:00+01:00",
            "2026-02-30T00:00:00Z",
        ),
        *("2026-03-01T24:00:00Z", "1999-01-01T00:00:00Z", "2099-01-01T00:00:00Z", 1772359205, 1772359205123),
        *(
            "km",
            "mi",
            "Vehicle",
            "VIN-00001",
            [],
            [1, 2],
            {},
            {"value": 5, "timestamp": "2026-03-01T10:00:00Z"},
        ),
    ]
)


def captured(dialect):
    """Return the messages of a dialect's capture."""
    lines = (CAPTURES / f"{dialect}.jsonl").read_bytes().splitlines()
    return list(read_capture(lines, moment("00:00:00")))


def mapping_of(dialect):
    """Return the mapping file of a dialect's capture."""
    return (CAPTURES / f"{dialect}.toml").read_text(encoding="utf-8")


@st.composite
def changed(draw, payload):
    """Draw a payload in which a part is another value, is missing, is named twice, or is no JSON."""
    try:
        document = json.loads(payload)
    except ValueError:
        return draw(st.sampled_from([payload, b"", b"nan", b"12", b"x"]))
    kind = draw(st.sampled_from(["value", "value", "missing", "moved", "twice", "bytes"]))
    if kind == "bytes":
        at = draw(st.integers(0, len(payload)))
        byte = draw(st.sampled_from([b"", b" ", b"0", b'"', b"\\", b"\xff", b"}"]))
        return payload[:at] + byte + payload[at + draw(st.integers(0, 2)) :]
    places = list(_places(document)) if isinstance(document, dict | list) else []
    if not places:
        return json.dumps(draw(VALUES)).encode()
    holder, key = draw(st.sampled_from(places))
    if kind == "value":
        holder[key] = draw(VALUES)
    elif kind == "missing":
        del holder[key]
    elif kind == "moved" and isinstance(holder, list):
        holder.reverse()
    elif kind == "twice" and isinstance(holder, dict):
        name = json.dumps(key).encode()
        return payload.replace(name + b":", name + b":1," + name + b":", 1)
    return json.dumps(document, separators=draw(st.sampled_from([(",", ":"), (", ", ": ")]))).encode()


def _places(node):
    """Yield each place of a document, as an object or array and its key or index."""
    for key, below in list(node.items() if isinstance(node, dict) else enumerate(node)):
        yield node, key
        if isinstance(below, dict | list):
            yield from _places(below)
