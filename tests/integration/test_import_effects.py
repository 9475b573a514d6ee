"""Effects of an import: no file or socket is opened, started or read before `main` runs."""

import json
import os
import subprocess
import sys

from scripts.launcher.guard import ROOT
from shared.api_settings import ApiSettings
from shared.settings import WorkerSettings

NAMES = sorted({name.upper() for kind in (WorkerSettings, ApiSettings) for name in kind.model_fields})

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
