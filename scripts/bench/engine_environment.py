"""Environments of the query engines that reads are compared with: a venv each, made on demand."""

import os
import shutil
import sys
from pathlib import Path

from scripts.launcher.guard import ROOT
from scripts.launcher.launch_error import LaunchError
from scripts.launcher.process import Process

FOLDER = ROOT / ".venv-engines"
PACKAGES = {"DuckDB": "duckdb==2.0.1", "chDB": "chdb==4.4.0"}

_INSTALLED_WITHIN_S = 900.0
_BIN = "Scripts" if sys.platform == "win32" else "bin"


def available(folder: Path = FOLDER) -> tuple[dict[str, Path], list[str]]:
    """Return the Python of each engine that can be run, and a sentence on each other one."""
    found: dict[str, Path] = {}
    missing: list[str] = []
    for name, package in PACKAGES.items():
        try:
            found[name] = _interpreter(package, folder)
        except (LaunchError, OSError) as failed:
            missing.append(f"{name} is left out: {package} can't be installed. {failed}")
            print(f"  {missing[-1]}", file=sys.stderr)
    return found, missing


def _interpreter(package: str, folder: Path) -> Path:
    home = folder / package.replace("==", "-")
    if not home.exists():
        print(f"  Installing {package} with pip into {home}, once, and nowhere else.", file=sys.stderr)
        _make(home, package)
    return home / _BIN / "python"


def _make(home: Path, package: str) -> None:
    """Make the environment under another name: a folder with its own name is complete, also after a kill."""
    part = home.with_name(f"{home.name}.part-{os.getpid()}")
    log = home.with_name(f"{home.name}.log")
    pip = (str(part / _BIN / "python"), "-m", "pip", "install", "--no-input", "--disable-pip-version-check")
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        _run("venv", [sys.executable, "-m", "venv", str(part)], log)
        _run("pip", [*pip, "--only-binary", ":all:", package], log)
        part.rename(home)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _run(name: str, command: list[str], log: Path) -> None:
    process = Process(name, command, log=log)
    try:
        process.start()
        code = process.wait(_INSTALLED_WITHIN_S)
    finally:
        process.kill()
    if code != 0:
        last = process.tail(1) or "no output"
        raise LaunchError(f"{name} ended with exit code {code}: {last}")
