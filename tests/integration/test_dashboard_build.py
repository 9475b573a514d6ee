"""Builds of the dashboard: their conditions, and the messages of a failure; npm and Node.js are stand-ins."""

import json
import os
import sys

import pytest

from scripts import dashboard

PACKAGES = {
    "": {},
    "node_modules/uplot": {"integrity": "sha512-u"},
    "node_modules/typescript": {"integrity": "sha512-t", "dev": True},
    "node_modules/@esbuild/sunos-x64": {"integrity": "sha512-s", "optional": True},
}


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Create a checkout with one source.

    `put(name, lines)` writes a program on its PATH, `calls()` returns the calls of such programs.
    """
    root, programs = tmp_path / "checkout", tmp_path / "bin"
    (root / "api" / "dashboard").mkdir(parents=True)
    (root / "scripts").mkdir()
    programs.mkdir()
    (root / "api" / "dashboard" / "main.js").write_text("one")
    (root / "scripts" / "build_dashboard.mjs").touch()
    (root / "package-lock.json").write_text(json.dumps({"packages": PACKAGES}))
    log = tmp_path / "calls"
    log.touch()
    built = root / "api" / "dashboard_dist"
    places = {
        "ROOT": root,
        "BUILT": built,
        "_BUILD": root / "scripts" / "build_dashboard.mjs",
        "_STAMP": built / ".stamp",
        "_LOCK": root / ".demo" / "dashboard.lock",
        "_LOG": root / ".demo" / "logs" / "dashboard.log",
    }
    for name, place in places.items():
        monkeypatch.setattr(dashboard, name, place)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}/usr/bin{os.pathsep}/bin")

    class Checkout:
        source = root / "api" / "dashboard" / "main.js"
        lock = root / "package-lock.json"
        page = built / "index.html"
        reason = places["_LOG"]

        @staticmethod
        def put(name, *lines):
            program = programs / name
            program.write_text("\n".join(["#!/bin/sh", f'echo "{name} $*" >>{log}', *lines, ""]))
            program.chmod(0o755)

        @staticmethod
        def calls():
            """Return the calls since the last call of this, without `node --version`."""
            called = log.read_text().splitlines()
            log.write_text("")
            return [" ".join(call.split()[:2]) for call in called if "--version" not in call]

    copy = (
        f"mkdir -p {root}/node_modules && cp {root}/package-lock.json {root}/node_modules/.package-lock.json"
    )
    Checkout.put("npm", copy)
    build = f"mkdir -p {built} && rm -f {built}/.stamp && touch {built}/index.html"
    Checkout.put("node", f'if [ "$1" = --version ]; then echo v20.1.0; else {build}; fi')
    return Checkout


def test_built_once_and_again_after_a_change(checkout):
    """No program is started without a change; packages are fetched after a change of the lock."""
    script = f"node {dashboard._BUILD}"
    assert dashboard.main([]) == 0
    assert checkout.calls() == ["npm ci", script]
    assert dashboard.main([]) == 0
    assert checkout.calls() == []
    checkout.source.write_text("two")
    assert dashboard.main([]) == 0
    assert checkout.calls() == [script]
    changed = PACKAGES | {"node_modules/uplot": {"integrity": "sha512-v"}}
    checkout.lock.write_text(json.dumps({"packages": changed}))
    assert dashboard.main([]) == 0
    assert checkout.calls() == ["npm ci", script]
    checkout.page.with_name(".stamp").unlink()
    assert dashboard.main([]) == 0
    assert checkout.calls() == [script]


def test_the_tools_of_the_check_are_fetched_for_it_only(checkout):
    """They are four times as large as those of the build; builds for other platforms are not waited for."""
    built = {name: package for name, package in PACKAGES.items() if not package.get("dev")}
    modules = checkout.lock.parent / "node_modules"
    modules.mkdir()
    (modules / ".package-lock.json").write_text(json.dumps({"packages": built}))
    assert dashboard.main([]) == 0
    assert "npm ci" not in checkout.calls()
    assert dashboard.main(["--check"]) == 0
    assert checkout.calls() == ["npm ci", "npm run"]
    assert dashboard.main(["--check"]) == 0
    assert checkout.calls() == ["npm run"]


@pytest.mark.parametrize("program", ["npm", "node"])
def test_a_failure_says_what_and_where_to_read(checkout, program, capsys):
    """One sentence, the end of the output, exit code 1; the next run tries again."""
    version = 'if [ "$1" = --version ]; then echo v20.1.0; exit; fi'
    checkout.put(program, version, "echo one; echo two; echo three; echo four; echo the reason >&2", "exit 7")
    assert dashboard.main([]) == 1
    message = capsys.readouterr().err
    assert {"npm": "Fetching the npm packages", "node": "Building the dashboard"}[program] in message
    assert "    the reason\n" in message
    assert "    one\n" not in message
    assert ".demo/logs/dashboard.log" in message
    assert "the API runs without it" in message
    assert "one\n" in checkout.reason.read_text()
    checkout.calls()
    assert dashboard.main([]) == 1
    assert checkout.calls() != []
    checkout.put(program, version, "echo ERROR of this; for n in 1 2 3 4 5; do echo hint $n; done", "exit 1")
    assert dashboard.main([]) == 1
    message = capsys.readouterr().err
    assert "    ERROR of this\n" in message
    assert "hint" not in message


@pytest.mark.parametrize("version", ["v18.19.0", "nonsense"])
def test_an_old_node_is_not_used(checkout, version, monkeypatch, capsys):
    """Outside a virtual environment Node.js is not installed; the message says what to install."""
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)
    monkeypatch.setattr(dashboard.importlib.util, "find_spec", lambda _name: None)
    checkout.put("node", f"echo {version}")
    assert dashboard.main([]) == 1
    assert "Install Node.js 20 or newer with npm" in capsys.readouterr().err
    assert checkout.calls() == []
