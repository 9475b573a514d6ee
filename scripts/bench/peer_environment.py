"""Environments of the peers: a venv for each package, made when a benchmark first needs it."""

import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from scripts.bench.peer import Peer
from scripts.launcher.guard import ROOT
from scripts.launcher.launch_error import LaunchError
from scripts.launcher.process import Process

FOLDER = ROOT / ".venv-peers"

# Pathway alone has 128 dependencies, 1.6 GB in all.
_INSTALLED_WITHIN_S = 1_800.0
_BIN = "Scripts" if sys.platform == "win32" else "bin"


class MissingPeerError(LaunchError):
    """A peer could not be installed."""


def available(peers: Sequence[Peer], folder: Path = FOLDER) -> tuple[dict[Peer, Path], list[str]]:
    """Return the interpreter of each peer that can run, and a sentence for each other one."""
    found: dict[Peer, Path] = {}
    missing: list[str] = []
    for peer in peers:
        try:
            found[peer] = interpreter(peer, folder)
        except MissingPeerError as error:
            missing.append(f"{peer.name} is missing. {error}")
            print(f"  {missing[-1]}", file=sys.stderr)
    return found, missing


def interpreter(peer: Peer, folder: Path = FOLDER) -> Path:
    """Return the peer's Python; installs its package where it is missing. Raises MissingPeerError."""
    if not peer.package:
        return Path(sys.executable)
    home = folder / peer.package.replace("==", "-")
    if not home.exists():
        _make(home, peer.package)
    return home / _BIN / "python"


def _make(home: Path, package: str) -> None:
    """Make the environment aside and rename it: a folder of its name is complete, also after a kill."""
    print(
        f"  Installing {package} and its dependencies with pip into {home}: once, and nowhere else."
        " Removing that folder removes all of it.",
        file=sys.stderr,
    )
    home.parent.mkdir(parents=True, exist_ok=True)
    part = home.with_name(f"{home.name}.part-{os.getpid()}")
    log = home.with_name(f"{home.name}.log")
    log.unlink(missing_ok=True)
    try:
        _run([sys.executable, "-m", "venv", str(part)], log)
        pip = [
            str(part / _BIN / "python"),
            "-m",
            "pip",
            "install",
            "--no-input",
            "--disable-pip-version-check",
        ]
        # From its source a peer would have to be compiled, for which most machines lack the tools.
        _run([*pip, "--only-binary", package.partition("==")[0], package], log)
        part.rename(home)
    except OSError as failed:
        # Another run may have been quicker.
        if not home.exists():
            raise MissingPeerError(f"{package} can't be installed: {failed}.") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _run(command: Sequence[str], log: Path) -> None:
    process = Process("pip", command, log=log)
    try:
        process.start()
        code = process.wait(_INSTALLED_WITHIN_S)
    except MissingPeerError:
        raise
    except LaunchError as failed:
        raise MissingPeerError(f"pip did not finish: {failed}", log=log, tail=process.tail()) from None
    finally:
        process.kill()
    if code != 0:
        raise MissingPeerError(f"pip says: {_reason(process.tail(50))}", log=log, tail=process.tail())


def _reason(output: str) -> str:
    """Return the last error of pip's output, else its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["nothing"]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return errors[-1] if errors else lines[-1]
