"""Peers of the benchmarks: versions, arguments, what is left out, without an installation."""

import json
import re

import pytest

from scripts.bench import __main__ as command
from scripts.bench import package_environment
from scripts.bench.benchmark import Benchmark
from scripts.bench.catalogue import BENCHMARKS
from scripts.bench.peer import EVERY_PEER, EXECUTEMANY, MQ_BRIDGE, MQ_BRIDGE_COPY, PATHWAY
from scripts.bench.peer_programs import peer_arguments
from scripts.bench.peer_run import installed
from scripts.bench.workbench import Workbench
from scripts.launcher.guard import ROOT
from shared.wire.reading import SIGNALS
from shared.wire.topics import telemetry_topic


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


def test_the_peers_that_can_run(monkeypatch):
    """Each that is found with its interpreter; a package that is missing leaves out all of its forms."""
    found = {PATHWAY.name: "of Pathway", EXECUTEMANY.name: "ours"}
    seen = []

    def available(packages):
        seen.append(packages)
        return found, ["mq-bridge is left out."]

    monkeypatch.setattr(package_environment, "available", available)
    assert installed(EVERY_PEER) == ({PATHWAY: "of Pathway", EXECUTEMANY: "ours"}, ["mq-bridge is left out."])
    assert seen == [{peer.name: peer.package for peer in EVERY_PEER}]


def test_what_a_table_is_told_beforehand_stands_below_it(tmp_path, capsys):
    """A peer that is missing is named in the report and in the file."""
    workbench = Workbench(tmp_path, rounds=1, benchmark="example")
    workbench.compare("rates", "1/s", {"a": lambda: 1.0}, notes=["b is missing."])
    assert capsys.readouterr().out.splitlines()[-1] == "  b is missing."
    assert workbench.comparisons[0].notes == ["b is missing."]


def test_a_run_without_names_installs_no_other_software(monkeypatch, tmp_path):
    """Benchmarks that compare with other software run when they are asked for by name."""
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
    assert [one.name for one in BENCHMARKS if one.only_by_name] == ["reads", "peers", "peer-kills"]
