"""Peers of the benchmarks: versions, environments, arguments, without an installation."""

import json
import re
import sys

import pytest

from scripts.bench import __main__ as command
from scripts.bench import peer_environment
from scripts.bench.benchmark import Benchmark
from scripts.bench.catalogue import BENCHMARKS
from scripts.bench.peer import EVERY_PEER, EXECUTEMANY, MQ_BRIDGE, MQ_BRIDGE_COPY, PATHWAY, Peer
from scripts.bench.peer_environment import MissingPeerError, available, interpreter
from scripts.bench.peer_programs import peer_arguments
from scripts.bench.workbench import Workbench
from scripts.launcher.guard import ROOT
from shared.wire.reading import SIGNALS
from shared.wire.topics import telemetry_topic

ABSENT = Peer("an absent peer", "executemany", "insert", "battery-no-such-package==1.0")


@pytest.mark.parametrize("peer", [peer for peer in EVERY_PEER if peer.package], ids=lambda peer: peer.name)
def test_a_peer_has_an_exact_version_which_its_name_says(peer):
    """A figure without a version can't be repeated."""
    version = re.fullmatch(r"[a-z-]+==(\d+\.\d+\.\d+)", peer.package)[1]
    assert f" {version}," in peer.name


def test_every_peer_is_one_alternative():
    """Names choose the lines of a table, and each has its program."""
    assert len({peer.name for peer in EVERY_PEER}) == len(EVERY_PEER) == 4
    programs = ROOT / "scripts" / "bench" / "peer_programs"
    assert all((programs / f"{peer.program}.py").exists() for peer in EVERY_PEER)


def test_both_forms_of_mq_bridge_share_an_environment():
    """One folder a package and version."""
    assert MQ_BRIDGE.package == MQ_BRIDGE_COPY.package != PATHWAY.package


def test_the_programs_know_the_wire_without_our_packages():
    """Their names are repeated there, since pydantic is not installed in a peer's environment."""
    assert tuple(SIGNALS) == peer_arguments.SIGNALS
    assert telemetry_topic("+") == peer_arguments.TOPIC


def test_arguments_of_a_program():
    """Addresses, a folder, and one of the program's forms."""
    arguments = ["127.0.0.1", "1883", "postgresql://x", "/state", "copy"]
    parsed = peer_arguments.peer_arguments("own", "insert", "copy", arguments=arguments)
    assert parsed == ("127.0.0.1", 1883, "postgresql://x", "/state", "copy")


def test_a_peer_without_a_package_runs_in_our_environment(tmp_path):
    """No folder is made for it."""
    assert str(interpreter(EXECUTEMANY, tmp_path)) == sys.executable
    assert list(tmp_path.iterdir()) == []


def test_an_environment_that_is_complete_is_used(tmp_path, monkeypatch):
    """Its folder has its name only since everything is installed."""
    monkeypatch.setattr(peer_environment, "_run", lambda *_: pytest.fail("something was installed"))
    (tmp_path / "pathway-0.33.0").mkdir()
    assert interpreter(PATHWAY, tmp_path).is_relative_to(tmp_path / "pathway-0.33.0")


def test_an_environment_that_fails_halfway_leaves_no_folder(tmp_path, monkeypatch, capsys):
    """The next run begins again; before it, the command says what it installs, and where."""

    def fail(command, _log):
        if "pip" in command:
            raise MissingPeerError("pip says: no.")
        (tmp_path / command[-1]).mkdir()

    monkeypatch.setattr(peer_environment, "_run", fail)
    with pytest.raises(MissingPeerError, match="pip says: no"):
        interpreter(PATHWAY, tmp_path)
    assert list(tmp_path.iterdir()) == []
    said = capsys.readouterr().err
    assert "pathway==0.33.0" in said
    assert str(tmp_path / "pathway-0.33.0") in said


def test_an_environment_is_the_one_of_the_quicker_run(tmp_path, monkeypatch):
    """Two runs at once: the second keeps what the first has made."""

    def make(command, _log):
        if "pip" not in command:
            (tmp_path / command[-1]).mkdir()
            (tmp_path / "pathway-0.33.0").mkdir()
            (tmp_path / "pathway-0.33.0" / "of the first").touch()

    monkeypatch.setattr(peer_environment, "_run", make)
    interpreter(PATHWAY, tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["pathway-0.33.0", "of the first"]


def test_a_missing_peer_is_named_and_left_out(tmp_path, monkeypatch, capsys):
    """The others are still measured."""

    def fail(_home, package):
        raise MissingPeerError(f"pip says: No matching distribution found for {package}")

    monkeypatch.setattr(peer_environment, "_make", fail)
    found, missing = available([EXECUTEMANY, ABSENT], tmp_path)
    assert list(found) == [EXECUTEMANY]
    assert missing == [
        "an absent peer is missing. pip says: No matching distribution found for battery-no-such-package==1.0"
    ]
    assert missing[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        (
            "Looking\nERROR: Could not find\nERROR: No matching distribution found for x==1\nnotice",
            "No matching",
        ),
        ("out of space\n\n", "out of space"),
        ("", "nothing"),
    ],
)
def test_the_reason_is_the_last_error_of_pip(output, reason):
    """A person sees why without opening the log."""
    assert peer_environment._reason(output).startswith(reason)


def test_what_a_table_is_told_beforehand_stands_below_it(tmp_path, capsys):
    """A peer that is missing is named in the report and in the file."""
    workbench = Workbench(tmp_path, rounds=1, benchmark="example")
    workbench.compare("rates", "1/s", {"a": lambda: 1.0}, notes=["b is missing."])
    assert capsys.readouterr().out.splitlines()[-1] == "  b is missing."
    assert workbench.comparisons[0].notes == ["b is missing."]


def test_a_run_without_names_installs_no_other_software(monkeypatch, tmp_path):
    """The benchmarks of peers run when they are asked for by name."""
    ran = []
    own = [
        Benchmark(name, "", lambda workbench: ran.append(workbench.benchmark), name == "b") for name in "ab"
    ]
    monkeypatch.setattr(command, "BENCHMARKS", own)
    path = tmp_path / "figures.json"
    monkeypatch.setattr(command, "run_launcher", lambda run, failed: run())
    assert command.main(["--json", str(path)]) == 0
    assert ran == ["a"]
    assert json.loads(path.read_text())["comparisons"] == []
    assert [one.name for one in BENCHMARKS if one.only_by_name] == ["peers", "peer-kills"]
