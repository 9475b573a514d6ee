"""Every command of the project: usage on --help, exit code 2 on unknown arguments, and no side effect.

The commands are found in the tree, so that a new one is tested without a list.
"""

import ast
import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

from scripts.launcher.guard import ROOT
from tests.commands import as_process

PACKAGES = ("api", "ingest_worker", "alert_worker", "shared", "scripts")


def is_command(path):
    """Return whether `python -m` runs the module.

    The block of `if __name__ == "__main__"` must do more than set a signal.
    """
    return any(
        isinstance(node, ast.If)
        and ast.unparse(node.test) == "__name__ == '__main__'"
        and not ast.unparse(node.body[-1]).startswith("signal.signal(")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
    )


def found_commands():
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if is_command(path):
                parts = path.relative_to(ROOT).with_suffix("").parts
                yield ".".join(parts[:-1] if parts[-1] == "__main__" else parts)


MODULES = list(found_commands())
SCRIPTS = sorted(path.name for path in (ROOT / "scripts").glob("*.sh") if os.access(path, os.X_OK))
NEEDS = {
    "api.keys": [
        [],
        ["mend"],
        ["create"],
        ["create", "--name", "x", "--role", "reader"],
        ["create", "--name", "x", "--role", "admin", "--vins", "*"],
        ["create", "--name", "x", "--role", "owner", "--vins", "*"],
        ["create", "--name", "1", "--role", "admin"],
        ["create", "--name", "x", "--role", "reader", "--vins", "TRK%"],
        ["create", "--name", "x", "--role", "admin", "--expires", "2020-01-01"],
        ["revoke"],
        ["rotate"],
        ["rotate", "x", "--overlap", "soon"],
        ["audit", "--outcome", "x"],
        ["audit", "--limit", "-1"],
    ],
    "ingest_worker.rejections": [[], ["show"], ["replay"], ["list", "--reason"], ["show", "x"], ["mend"]],
    "ingest_worker.sources": [
        [],
        ["show"],
        ["show", "x"],
        ["check"],
        ["try"],
        ["try", "x", "--capture"],
        ["mend"],
    ],
    "scripts.bench": [["--rounds"], ["nonsense"]],
    "scripts.bench.bare_service": [[], ["x"], ["0"]],
    "scripts.bench.orm_service": [[], ["8001"]],
    "scripts.bench.peer_programs.executemany": [[], ["127.0.0.1", "0", "x", "x", "insert"]],
    "scripts.bench.peer_programs.bridge_route": [[], ["127.0.0.1", "1883", "x", "x", "nonsense"]],
    "scripts.bench.peer_programs.pathway_pipe": [[], ["127.0.0.1", "1883", "x", "x", "nonsense"]],
    "scripts.bench.read_engine": [[], ["nonsense", "x", "x", "8001"], ["duckdb", "x", "x", "0"]],
    "scripts.faults": [["--faults"], ["--faults", "nonsense"], ["--seeds", "0"], ["--rate", "nan"]],
    "scripts.faults.broken_worker": [[], ["nonsense"]],
    "scripts.launcher.guard": [[]],
    "scripts.simulate": [["--vehicles"], ["--vehicles", "0"], ["--fault", "x"], ["--dialect", "x"]],
    "scripts.demo_cars": [[], ["nonsense"], ["http://"], ["http://localhost:x"]],
    "shared.rollups": [[], ["mend"]],
}
"""Calls that lack a required argument, or have an invalid one."""
ALWAYS = [["--help"], ["-h"], ["--no-such-thing"], ["--hel"], ["x", "--no-such-thing", "y"]]


def is_help(arguments):
    return arguments in (["--help"], ["-h"])


@contextmanager
def listener():
    """Open a port that records its connections and closes them."""
    seen = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                seen.append(connection)
                connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1], seen
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


@contextmanager
def neighbouring():
    """Yield settings that name a broker, a database and an API of the test, and the connections to these."""
    with listener() as (port, seen):
        yield (
            {
                "MQTT_HOST": "127.0.0.1",
                "MQTT_PORT": str(port),
                "DATABASE_URL": f"postgresql://u:hunter2@127.0.0.1:{port}/battery",
                "BASE": f"http://127.0.0.1:{port}",
                "WORKER_HEALTH_PORT": str(port),
                "API_PORT": str(port),
            },
            seen,
        )


@pytest.fixture
def neighbours():
    with neighbouring() as found:
        yield found


WALK = """
import contextlib, io, json, os, runpy, signal, sys, warnings

calls = json.loads(sys.argv[1])
seen = []
WATCHED = ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "subprocess.Popen",
           "os.system", "os.remove", "os.rename", "os.mkdir", "os.rmdir", "shutil.rmtree", "tempfile.mkdtemp")

def audit(event, arguments):
    if event in WATCHED:
        seen.append(event + " " + repr(arguments))
    elif event == "open" and isinstance(arguments[0], (str, bytes)):
        path, _, flags = arguments
        path = os.fsdecode(path)
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and path != os.devnull:
            seen.append("writes " + path)
        elif os.path.basename(path) == ".env":
            seen.append("reads " + path)

sys.addaudithook(audit)
# A module that another one has imported already is run again.
warnings.filterwarnings("ignore", message=".* found in sys.modules", category=RuntimeWarning)
found = []
for module, arguments in calls:
    out, err = io.StringIO(), io.StringIO()
    sys.argv = [module, *arguments]
    seen.clear()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
            code = 0
        except SystemExit as ended:
            code = ended.code
    found.append([code, out.getvalue(), err.getvalue(), list(seen)])
print(json.dumps(found))
"""


def walk(calls, folder, settings):
    """Make these calls one after the other in one process; returns each one's output and side effects."""
    ran = subprocess.run(
        [sys.executable, "-B", "-W", "error", "-c", WALK, json.dumps(calls)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **settings},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def files(folder):
    """Return everything in a folder, with sizes and times that would show a change."""
    return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def checkout():
    """Return the files of the checkout that a command that misreads its arguments might write."""
    top = {path: path.stat().st_mtime_ns for path in ROOT.iterdir() if path.is_file()}
    return top, files(ROOT / ".github")


def test_the_commands_are_found():
    """A walk over no command would prove nothing; commands with required arguments are listed above."""
    assert {"api", "ingest_worker", "shared.migrate", "scripts.bench", "scripts.pictures"} <= set(MODULES)
    assert set(NEEDS) <= set(MODULES)
    assert {"demo.sh", "test.sh", "bench.sh", "faults.sh", "compose-check.sh"} <= set(SCRIPTS)


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """Make every call that does nothing, once; returns calls and results, connections, and changed files."""
    folder = tmp_path_factory.mktemp("walk")
    (folder / ".env").write_text("LOG_LEVEL=LOUD\n")
    calls = [(module, arguments) for module in MODULES for arguments in ALWAYS + NEEDS.get(module, [])]
    with neighbouring() as (settings, connections):
        before = files(folder), checkout()
        found = list(zip(calls, walk(calls, folder, settings), strict=True))
        return found, connections, [] if (files(folder), checkout()) == before else ["a file"]


def test_every_module(walked):
    """Usage and 0, or a line with the error and 2, before any file or connection is opened."""
    found, connections, changes = walked
    for (module, arguments), (code, out, err, done) in found:
        call = f"python -m {module} {' '.join(arguments)}"
        assert done == [], call
        assert code == (0 if is_help(arguments) else 2), call
        shown, silent = (out, err) if is_help(arguments) else (err, out)
        assert silent == "", call
        typed = {"scripts.demo": "./scripts/demo.sh", "scripts.bench": "./scripts/bench.sh"}
        typed["scripts.faults"] = "./scripts/faults.sh"
        prog = typed.get(module, f"python -m {module}")
        assert shown.startswith(f"usage: {prog} "), call
        if is_help(arguments):
            assert f"examples:\n  {prog}" in shown, call
        else:
            assert f"{prog}" in shown.splitlines()[-1], call
            assert ": error: " in shown.splitlines()[-1], call
        for bad in ("is not a valid", "badly formed", "Traceback", " value: '"):
            assert bad not in shown, call
    assert connections == changes == []


def examples(usage):
    """Yield the words of each call below "examples:" of a usage text, without variables before it."""
    for line in usage.partition("\nexamples:\n")[2].partition("\n\n")[0].splitlines():
        yield [word for word in shlex.split(line) if not re.match(r"[A-Z_]+=", word)]


def module_of(words):
    """Return the module that a call runs, and its arguments; None for a script that starts none of ours."""
    if words[:2] == ["python", "-m"]:
        return words[2], words[3:]
    name = "scripts." + words[0].removeprefix("./scripts/").removesuffix(".sh")
    return (name, words[1:]) if name in MODULES else None


def test_the_examples_can_be_typed(tmp_path, neighbours, walked):
    """Each example of a usage text is read without a complaint, up to the argument that is added to it."""
    settings, connections = neighbours
    texts = [out for (_, arguments), (_, out, _, _) in walked[0] if arguments == ["--help"]]
    assert len(texts) == len(MODULES)
    for script in SCRIPTS:
        command = [ROOT / "scripts" / script, "--help"]
        texts.append(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)
    found = [module_of(words) for text in texts for words in examples(text)]
    calls = [(call[0], [*call[1], "--no-such-thing"]) for call in found if call is not None]
    assert {module for module, _ in calls} == set(MODULES)
    for call, (code, _, err, _) in zip(calls, walk(calls, tmp_path, settings), strict=True):
        assert code == 2, call
        assert err.endswith(": error: unrecognized arguments: --no-such-thing\n"), (call, err)
    assert connections == []


@pytest.mark.parametrize(
    "module",
    [
        pytest.param(module, marks=pytest.mark.nightly) if module.startswith("scripts.") else module
        for module in MODULES
    ],
)
def test_a_module_as_a_person_runs_it(tmp_path, neighbours, module):
    """The same as above, once each, in a process of its own: our own tools in a nightly run."""
    settings, connections = neighbours
    code, out, err = as_process(module, tmp_path, **settings)("--no-such-thing")
    assert (code, out) == (2, [])
    assert err.startswith("usage: ")
    assert connections == []
    assert files(tmp_path) == {}


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script(tmp_path, neighbours, script):
    """In a tree with only the scripts, a run that went on would install packages, or make a folder."""
    settings, connections = neighbours
    shutil.copytree(
        ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("*.py", "__pycache__")
    )
    before = files(tmp_path)
    for arguments in [*ALWAYS, ["--no-such-thing", "--help"]]:
        ran = subprocess.run(
            [tmp_path / "scripts" / script, *arguments],
            cwd=tmp_path,
            # No Python or other program beyond PATH can be started.
            env={"PATH": os.environ["PATH"], **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        shown, silent = (ran.stdout, ran.stderr) if is_help(arguments) else (ran.stderr, ran.stdout)
        assert ran.returncode == (0 if is_help(arguments) else 2), arguments
        assert silent == ""
        assert f"usage: ./scripts/{script}" in shown
        assert "\nexamples:\n" in shown
        assert is_help(arguments) or not shown.startswith("usage: ")
    assert connections == []
    assert files(tmp_path) == before


def test_the_listener_counts(tmp_path, neighbours):
    """The walk can fail: a command that goes on is seen to connect, and to read its settings."""
    settings, connections = neighbours
    call = ("shared.rollups", ["check"])
    [[code, out, err, done]] = walk([call], tmp_path, settings)
    assert (code, out) == (1, "")
    place = settings["DATABASE_URL"].partition("@")[2]
    assert err.startswith(f"The database {place} (DATABASE_URL) does not answer: ")
    assert "hunter2" not in err
    assert done == []  # libpq connects without Python
    assert len(connections) == 1
    (tmp_path / ".env").write_text("LOG_LEVEL=LOUD\n")
    [[code, _, err, done]] = walk([call], tmp_path, settings)
    assert code == 2
    assert err.startswith("LOG_LEVEL")
    assert set(done) == {"reads .env"}
