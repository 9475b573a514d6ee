"""The commands of README and docs/, executed as they stand against a real API, worker and broker."""

import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.conftest import eventually
from tests.documents import DOCUMENTS, ROOT, commands, name, text_of

_STORED_WITHIN_S = 20
EXECUTED = (
    "MQTT_SOURCES=sources.toml python -m ingest_worker.rejections ",
    "curl ",
    "echo '[[source]]",
    "mosquitto_pub ",
    "mosquitto_sub ",
    "python -m ingest_worker.rejections ",
    "python -m ingest_worker.sources ",
    "python -m shared.",
    "sleep ",
    "wait",
)
# --fail-with-body: exit code 22 for any status from 400 on; the last line of standard error is the status.
CURLRC = """\
fail-with-body
noproxy = "*"
write-out = "%{{stderr}}\\n%{{http_code}}"
connect-to = "localhost:8000:127.0.0.1:{port}"
"""
_MAPPING = re.compile(r"^echo '(\[\[source\]\].*?)' > sources\.toml$", re.MULTILINE | re.DOTALL)
WITH_COMMANDS = [
    document
    for document in DOCUMENTS
    if any(command.text.startswith(EXECUTED) for command in commands(text_of(document)))
]


class Shell:
    """A shell that executes a document's commands in a folder, with our ports in place of the usual ones."""

    def __init__(self, folder: Path, api: httpx.Client, database_url: str, broker_port: int) -> None:
        self.folder = folder
        self._api = api
        self._broker_port = broker_port
        (folder / ".curlrc").write_text(CURLRC.format(port=api.base_url.port))
        self._environment = os.environ | {
            "CURL_HOME": str(folder),
            "DATABASE_URL": database_url,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
        }

    def run(self, text: str) -> subprocess.CompletedProcess[str]:
        """Execute a command; returns its result. `$ID` is the id of a stored rejection."""
        environment = dict(self._environment)
        if "$ID" in text:
            environment["ID"] = eventually(self._rejections)[0]["id"]
        script = text.replace("-p 1883", f"-p {self._broker_port}")
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def _rejections(self) -> list[dict[str, object]]:
        return self._api.get("/api/rejections").json()["items"]


@pytest.fixture
def shell(tmp_path, serve, database_url, broker, run_worker):
    """Provide a subscribed worker, which has the first mapping of docs/devices.md, and an API."""
    folder = tmp_path / "shell"
    folder.mkdir()
    (tmp_path / "mapping.toml").write_text(_MAPPING.search(text_of(ROOT / "docs" / "devices.md"))[1])
    worker = run_worker(mqtt_sources=tmp_path / "mapping.toml")
    eventually(lambda: worker.pulse.is_ready)
    return Shell(folder, serve(database_url=database_url), database_url, broker.port)


def test_curl_is_there():
    """Without curl no command of the documents can be tested."""
    assert shutil.which("curl"), "curl is missing: install it with the system's packages"


@pytest.mark.parametrize("document", WITH_COMMANDS, ids=name)
def test_the_commands_do_as_the_document_says(document, shell):
    """In the order of the document: exit code, HTTP status and, where one is shown, the answer."""
    for text, answer in _joined(document):
        deadline = time.monotonic() + _STORED_WITHIN_S
        # A reading that was published may be on its way still.
        while (wrong := _fault(done := shell.run(text), text, answer)) and " -X " not in text:
            if time.monotonic() > deadline:
                break
        assert not wrong, f"{name(document)}: {text}\n{wrong}\n{done.stdout}{done.stderr}"
    assert any(shell.folder.glob("*.csv")) or "curl -O" not in text_of(document)


def _joined(document):
    """Yield the executed commands; one in the background together with those up to its `wait`."""
    waiting: list[str] = []
    for command in commands(text_of(document)):
        if not command.text.startswith(EXECUTED):
            continue
        if waiting or command.text.endswith("&"):
            waiting.append(command.text)
            if command.text != "wait":
                continue
            yield "\n".join(waiting), command.answer
            waiting = []
        else:
            yield command.text, command.answer


def _fault(done, text, answer):
    """Describe how a result differs from the document: exit code, status or answer; None if it does not."""
    comment = text.rpartition(" # ")[2].strip() if " # " in text else ""
    if text.startswith("curl "):
        expected, seen = re.match(r"\d{3}\b|", comment)[0] or "2", done.stderr.rpartition("\n")[2]
        if not seen.startswith(expected):
            return f"the status is {seen}, not {expected}"
    else:
        expected = re.search(r"exit code (\d)|$", comment)[1] or "0"
        if done.returncode != int(expected):
            return f"the exit code is {done.returncode}, not {expected}"
    if answer and not _fits(answer, done.stdout):
        return f"the answer is not {answer}"
    return None


def _fits(shown, answer):
    """Return whether an answer is the one shown, in which `...` stands for any text."""
    return re.fullmatch(".*".join(map(re.escape, shown.split("..."))), answer.strip(), re.DOTALL)
