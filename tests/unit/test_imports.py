"""Laws of imports and of the environment, and that an import has no side effect."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from shared.settings import ApiSettings, WorkerSettings

ROOT = Path(__file__).parents[2]
SOURCES = {
    path.relative_to(ROOT).as_posix(): ast.parse(path.read_text())
    for package in ("shared", "ingest_worker", "api")
    for path in sorted((ROOT / package).rglob("*.py"))
}
OURS = ("shared", "ingest_worker", "api", "scripts", "tests")
WEB = ("fastapi", "starlette", "uvicorn")
NAMES = sorted({name.upper() for kind in (WorkerSettings, ApiSettings) for name in kind.model_fields})


def imported(tree):
    """Yield the full name of every module that is imported anywhere in the file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "a relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers_of(*packages):
    """Return every file that imports one of these packages."""
    return {
        path
        for path, tree in SOURCES.items()
        if any(name.split(".")[0] in packages for name in imported(tree))
    }


def files_under(*packages):
    return {path for path in SOURCES if path.split("/")[0] in packages}


def test_the_sources_are_found():
    """A check that reads no file proves nothing."""
    assert {"shared/settings.py", "ingest_worker/worker.py", "api/routers/vehicles.py"} <= set(SOURCES)


def test_the_two_processes_do_not_know_each_other():
    """The database schema is their only contract."""
    assert not importers_of("ingest_worker") & files_under("api", "shared")
    assert not importers_of("api") & files_under("ingest_worker", "shared")


def test_no_process_needs_scripts_or_tests():
    """Code in production does not import code that a person or a test starts."""
    assert not importers_of("scripts", "tests")


def test_one_file_knows_paho():
    """Another MQTT library would change one file of the worker."""
    assert importers_of("paho") == {"ingest_worker/subscriber.py"}


def test_only_the_api_knows_its_framework():
    """Neither the worker nor shared code loads a web framework."""
    assert importers_of(*WEB) <= files_under("api")


def test_sql_stays_out_of_the_routers():
    """Routers speak HTTP; a statement is built in queries, or in shared."""
    allowed = {"SQLAlchemyError"}
    for path in (path for path in SOURCES if path.startswith("api/routers/")):
        names = {name.split(".")[-1] for name in imported(SOURCES[path]) if name.startswith("sqlalchemy.")}
        assert names - {"exc"} <= allowed, path


@pytest.mark.parametrize("path", SOURCES)
def test_the_environment_is_not_read(path):
    """pydantic-settings reads it, in shared/settings.py; all other code gets a settings object."""
    readers = {"environ", "environb", "getenv", "getenvb", "putenv"}
    used = {node.attr for node in ast.walk(SOURCES[path]) if isinstance(node, ast.Attribute)}
    named = {name.split(".")[-1] for name in imported(SOURCES[path])}
    assert not (used | named) & readers


def test_one_file_makes_settings_classes():
    """Every variable that is read has its line in one file."""
    assert importers_of("pydantic_settings") == {"shared/settings.py"}


WATCH = """
import collections.abc, json, os, sys

modules, names = json.loads(sys.argv[1]), set(json.loads(sys.argv[2]))
seen = []

def is_wsgiref():
    # prometheus_client imports this module of Python's own, which copies the environment when imported.
    frame = sys._getframe(2)
    while frame is not None and frame.f_globals.get("__name__") != "wsgiref.handlers":
        frame = frame.f_back
    return frame is not None

class Watched(collections.abc.MutableMapping):
    def __init__(self, real): self.real = real
    def __getitem__(self, key):
        if key in names and not is_wsgiref(): seen.append("reads " + key)
        return self.real[key]
    def __contains__(self, key):
        if key in names: seen.append("looks for " + key)
        return key in self.real
    def __setitem__(self, key, value): self.real[key] = value
    def __delitem__(self, key): del self.real[key]
    def __iter__(self):
        if not is_wsgiref(): seen.append("lists the environment")
        return iter(self.real)
    def __len__(self): return len(self.real)
    def copy(self): return dict(self)

watched = ("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "subprocess.Popen",
           "os.system", "os.remove", "os.rename", "os.mkdir")

def audit(event, arguments):
    if event in watched:
        seen.append(event + " " + repr(arguments[1:]))
    elif event == "open" and isinstance(arguments[0], (str, bytes)):
        path, _, flags = arguments
        path = os.fsdecode(path)
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes and path != os.devnull and "__pycache__" not in path:
            seen.append("writes " + path)
        elif os.path.basename(path) == ".env":
            seen.append("reads " + path)

os.environ = Watched(os.environ)
sys.addaudithook(audit)
for module in modules:
    __import__(module)
import threading
others = (thread for thread in threading.enumerate() if thread is not threading.main_thread())
seen.extend("starts " + thread.name for thread in others)
print(json.dumps(seen))
"""


def watch(script, folder, *modules, **environment):
    """Run the imports in a process of their own; returns their side effects."""
    ran = subprocess.run(
        # -B: Python writes compiled files, which are no side effect of the import.
        [sys.executable, "-B", "-W", "error", "-c", script, json.dumps(modules), json.dumps(NAMES)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


MODULES = [
    "api.main",
    "api.__main__",
    "ingest_worker.worker",
    "ingest_worker.__main__",
    "shared.migrate",
    "shared.storage.store_readings",
]


def test_importing_opens_nothing_and_reads_no_setting(tmp_path):
    """No connection, no file written, no .env, no variable of ours, no thread: `main` does all that."""
    (tmp_path / ".env").write_text("MQTT_PORT=broken\n")
    broken = dict.fromkeys(NAMES, "broken")
    assert watch(WATCH, tmp_path, *MODULES, **broken) == []


def test_the_watch_sees(tmp_path):
    """The check above can fail: it detects a variable that is read, a file and a socket that are opened."""
    (tmp_path / "guilty.py").write_text(
        "import os, socket\n"
        "os.environ.get('MQTT_PORT')\n"
        "open('.env', 'w').close()\n"
        "open('.env').close()\n"
        "with socket.socket() as s: s.bind(('127.0.0.1', 0))\n"
        "from shared.settings import WorkerSettings\n"
        "WorkerSettings()\n"
    )
    seen = " ".join(
        watch(WATCH, tmp_path, "guilty", PYTHONPATH=f"{ROOT}{os.pathsep}{tmp_path}", MQTT_PORT="1")
    )
    for deed in ("reads MQTT_PORT", "writes .env", "reads .env", "socket.bind", "lists the environment"):
        assert deed in seen
