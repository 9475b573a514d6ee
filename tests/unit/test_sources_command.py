"""The command `python -m ingest_worker.sources`."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from ingest_worker.sources.__main__ import main
from shared.sources.shipped_dialects import dialect_names, dialect_text
from tests.commands import within

CAPTURES = Path(__file__).parents[1] / "captures"
OVMS = '[[source]]\ndialect = "ovms"\nprefix = "ovms/me"\nvehicles = { DEMO1 = "XX1OVMS0000000001" }\n'


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Call the command in a folder without settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return within(main, monkeypatch, capsys)


@pytest.fixture
def mapping_file(tmp_path):
    path = tmp_path / "sources.toml"
    path.write_text(OVMS)
    return str(path)


def line(topic, payload, tst="2026-03-01T10:00:00.000000Z+0000", **more):
    return json.dumps({"tst": tst, "topic": topic, "qos": 0, "retain": 0, "payload": payload, **more})


def test_list(run):
    """Each dialect with the signals that it gives and lacks."""
    code, lines, errors = run("list")
    assert (code, errors) == (0, "")
    assert [each.partition(":")[0] for each in lines[::2]] == list(dialect_names())
    assert "prefix must be told" in next(each for each in lines if each.startswith("ovms:"))
    assert "  gives soc, odo_km; lacks soh, pack_voltage, pack_current, max_temp, min_temp" in lines


@pytest.mark.parametrize("name", dialect_names())
def test_show(run, name):
    """The dialect's file, to copy."""
    code, lines, _errors = run("show", name)
    assert code == 0
    assert "\n".join(lines) + "\n" == dialect_text(name)


def test_show_of_an_unknown_dialect(run):
    """The names are in the answer."""
    code, lines, errors = run("show", "tesla")
    assert (code, lines) == (2, [])
    assert "teslamate" in errors


def test_check(run, mapping_file):
    """The sources with their filters."""
    code, lines, errors = run("check", mapping_file)
    assert (code, errors) == (0, "")
    assert lines[0].startswith("ovms: 1 vehicle; soc, soh,")
    assert "  ovms/me/+/metric/v/b/soc" in lines


def test_check_of_a_mapping_without_vehicles(run, mapping_file):
    """Such a mapping is valid: a trial shows the ids that are missing."""
    Path(mapping_file).write_text(OVMS.replace('DEMO1 = "XX1OVMS0000000001"', ""))
    code, lines, _errors = run("check", mapping_file)
    assert code == 0
    assert lines[-1] == "  no vehicles yet: every message is rejected as unknown_vehicle"


@pytest.mark.parametrize("command", ["check", "try"])
def test_a_wrong_mapping(run, mapping_file, command):
    """One line on standard error, exit code 2."""
    Path(mapping_file).write_text('[[source]]\ndialect = "ovms"\n')
    code, lines, errors = run(command, mapping_file)
    assert (code, lines) == (2, [])
    assert errors.startswith(f"{mapping_file}: source ovms: prefix: is missing")
    assert errors.count("\n") == 1


def test_try(run, mapping_file, tmp_path):
    """A line for each reading, one for each message without one, and a summary."""
    topic = "ovms/me/DEMO1/metric/"
    capture = tmp_path / "capture.jsonl"
    capture.write_text(
        "\n".join(
            [
                line(f"{topic}v/b/soc", "82", retain=1),
                line(f"{topic}v/b/soc", "81.5"),
                line(f"{topic}v/b/soh", "95"),
                line(f"{topic}v/b/voltage", "nan"),
                "",
                line(f"{topic}v/b/soh", None),
                line(f"{topic}s/v3/connected", "yes"),
                line("ovms/me/OTHER/metric/v/b/soc", "50", "2026-03-01T10:00:01.000000Z+0000"),
                line(f"{topic}v/b/soc", "fu\x1bll", "2026-03-01T11:00:01.000000Z+0100"),
                line("other", "1"),
            ]
        )
    )
    code, lines, errors = run("try", mapping_file, "--capture", str(capture))
    assert (code, errors) == (1, "")
    unknown = '"OTHER" is not among the vehicles of source ovms'
    assert lines == [
        f'retained   {topic}v/b/soc  "82"  its time is unknown, so it is not stored',
        f'no signal  {topic}v/b/voltage  "nan"',
        f'no signal  {topic}v/b/soh  ""',
        "status     XX1OVMS0000000001  online",
        'reading    {"vin": "XX1OVMS0000000001", "ts": "2026-03-01T10:00:00Z", "soc": 81.5, "soh": 95.0}',
        f"rejected   unknown_vehicle  ovms/me/OTHER/metric/v/b/soc  {unknown}",
        f'rejected   bad_value  {topic}v/b/soc  soc (v/b/soc): "fu\\x1bll" is not a number',
        'no source  other  "1"',
        "messages: 9, readings: 1, statuses: 1, no signal: 2, retained: 1, no source: 1, rejected: 2",
        f"vehicle without a VIN: {unknown} (1 message)",
    ]


def test_try_of_topics_of_no_source(run, mapping_file, tmp_path):
    """The first three are shown, the others counted."""
    capture = tmp_path / "capture.jsonl"
    capture.write_text("".join(f'{{"topic":"other/{n}","payload":"1"}}\n' for n in range(5)))
    _, lines, _ = run("try", mapping_file, "--capture", str(capture))
    assert lines[:-2] == [f'no source  other/{n}  "1"' for n in range(3)]
    assert lines[-1] == "no source: 2 messages not shown, on topics that no source subscribes"


def test_try_from_standard_input(run, mapping_file, monkeypatch):
    """As in `mosquitto_sub -F %J | ...`: the payload may be JSON that is not quoted; 0 where all is well."""
    text = line("ovms/me/DEMO1/metric/v/b/soc", 81.5, 1772359200) + "\n"
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(text.encode())))
    code, lines, errors = run("try", mapping_file)
    assert (code, errors) == (0, "")
    assert lines[0] == 'reading    {"vin": "XX1OVMS0000000001", "ts": "2026-03-01T10:00:00Z", "soc": 81.5}'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ovms/me/DEMO1/metric/v/b/soc 81.5", "line 1: Expecting value (line 1, column 1)"),
        ("\n5", 'line 2: is no JSON object with "topic" and "payload"'),
        ('{"payload":"5"}', 'line 1: is no JSON object with "topic" and "payload"'),
        ('{"topic":"a","tst":"now"}', "line 1: tst: is of none of the formats iso, unix_s"),
        ('{"topic":"a","payload_hex":"0g"}', "line 1: payload_hex: is no text of hexadecimal digits"),
        ('{"topic":"a","payload_hex":5}', "line 1: payload_hex: is no text of hexadecimal digits"),
        ('{"topic":"a","payload":{"a":1,"a":2}}', "line 1: payload: holds an object with a repeated key"),
    ],
)
def test_a_wrong_capture(run, mapping_file, tmp_path, text, reason):
    """The line names the line's number; the summary is there all the same."""
    capture = tmp_path / "capture.jsonl"
    capture.write_text(text)
    code, lines, errors = run("try", mapping_file, "--capture", str(capture))
    assert (code, errors) == (2, f"{capture}: {reason}\n")
    assert lines[0].startswith("messages: 0")


def test_a_capture_that_is_not_there(run, mapping_file):
    """One line."""
    code, lines, errors = run("try", mapping_file, "--capture", "none.jsonl")
    assert (code, lines) == (2, [])
    assert errors == "none.jsonl: can't be read: No such file or directory\n"


@pytest.mark.parametrize("dialect", dialect_names())
def test_try_of_the_captures(run, dialect):
    """They hold rejections on purpose."""
    code, lines, errors = run(
        "try", str(CAPTURES / f"{dialect}.toml"), "--capture", str(CAPTURES / f"{dialect}.jsonl")
    )
    assert (code, errors) == (1 if any("rejected  " in each for each in lines) else 0, "")
    assert any(each.startswith("reading ") for each in lines)
    assert not any(each.startswith("no source") for each in lines)


def charge(sign):
    """Return a capture of a charge: soc rises, and the current has this sign."""
    for minute in range(10):
        tst = f"2026-03-01T10:{minute:02}:00.000000Z+0000"
        yield line("ovms/me/DEMO1/metric/v/b/soc", str(50 + minute), tst)
        yield line("ovms/me/DEMO1/metric/v/b/current", str(sign * 80), tst)


@pytest.mark.parametrize(("sign", "is_suspicious"), [(1, True), (-1, False)])
def test_a_suspicious_sign(run, mapping_file, tmp_path, sign, is_suspicious):
    """Current that leaves the pack while soc rises."""
    capture = tmp_path / "capture.jsonl"
    capture.write_text("\n".join(charge(sign)))
    code, lines, _errors = run("try", mapping_file, "--capture", str(capture))
    assert code == 0
    found = [each for each in lines if each.startswith("suspicious sign: XX1OVMS0000000001 of source ovms:")]
    assert len(found) == is_suspicious
