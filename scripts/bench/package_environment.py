"""Environments of packages that we are compared with: a venv each, made when a benchmark first needs it."""

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.launcher.guard import ROOT
from scripts.launcher.launch_error import LaunchError
from scripts.launcher.process import Process

FOLDER = ROOT / ".venv-bench"

# Pathway alone has 128 dependencies, 1.6 GB in all.
_INSTALLED_WITHIN_S = 1_800.0
_BIN = "Scripts" if sys.platform == "win32" else "bin"


class MissingPackageError(LaunchError):
    """A package could not be installed."""


def available(packages: Mapping[str, str], folder: Path = FOLDER) -> tuple[dict[str, Path], list[str]]:
    """Return the interpreter of each alternative that can run, and a sentence for each other one.

    `packages` has the exact requirement of each alternative by its name.
    """
    found: dict[str, Path] = {}
    missing: list[str] = []
    for name, package in packages.items():
        try:
            found[name] = interpreter(package, folder)
        except MissingPackageError as error:
            missing.append(f"{name} is left out: {error}")
            print(f"  {missing[-1]}", file=sys.stderr)
    return found, missing


def interpreter(package: str, folder: Path = FOLDER) -> Path:
    """Return the Python that has the package; without a package, ours.

    Installs a package that is missing. Raises MissingPackageError.
    """
    if not package:
        return Path(sys.executable)
    home = folder / package.replace("==", "-")
    if not home.exists():
        _make(home, package)
    return home / _BIN / "python"


def _make(home: Path, package: str) -> None:
    """Make the environment aside and rename it: a folder of its name is complete, also after a kill."""
    print(
        f"  Installing {package} and its dependencies with pip into {home}: once, and nowhere else."
        " Removing that folder removes all of it.",
        file=sys.stderr,
    )
    part = home.with_name(f"{home.name}.part-{os.getpid()}")
    log = home.with_name(f"{home.name}.log")
    pip = [str(part / _BIN / "python"), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        _run("venv", [sys.executable, "-m", "venv", str(part)], log)
        # From its source a package would have to be compiled, for which most machines lack the tools.
        _run("pip", [*pip, "--only-binary", package.partition("==")[0], package], log)
        part.rename(home)
    except LaunchError as failed:
        sentence = f"{package} can't be installed. {failed}"
        raise MissingPackageError(sentence, log=failed.log, tail=failed.tail) from None
    except OSError as failed:
        # Another run may have been quicker.
        if not home.exists():
            raise MissingPackageError(f"{package} can't be installed. {failed}.") from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _run(name: str, command: Sequence[str], log: Path) -> None:
    process = Process(name, command, log=log)
    try:
        process.start()
        code = process.wait(_INSTALLED_WITHIN_S)
    finally:
        process.kill()
    if code != 0:
        raise process.failure(f"{name} says: {_reason(process.tail(50))}")


def _reason(output: str) -> str:
    """Return the last error of pip's output, else its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()] or ["nothing"]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return errors[-1] if errors else lines[-1]
