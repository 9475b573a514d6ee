"""The workflows of .github, read: they run at GitHub only."""

import os
import re

import pytest

from scripts.launcher.guard import ROOT

FILES = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in FILES}


def test_all_are_found():
    """A test over no file would prove nothing."""
    assert set(TEXTS) == {"ci.yml", "nightly.yml", "release.yml"}


@pytest.mark.parametrize("name", TEXTS)
def test_every_action_is_pinned(name):
    """A tag can be moved to other code, a commit can't; the version stands beside it for people."""
    uses = re.findall(r"uses: *(.+)", TEXTS[name])
    assert uses
    for action in uses:
        assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


@pytest.mark.parametrize("name", TEXTS)
def test_every_script_is_there(name):
    """A step that calls a script which was moved fails at GitHub only, at night or at a release."""
    for script in re.findall(r"\./(scripts/[\w-]+\.sh)", TEXTS[name]):
        assert os.access(ROOT / script, os.X_OK), script


@pytest.mark.parametrize("name", TEXTS)
def test_rights_are_given_one_by_one(name):
    """The token of a workflow may read, and a job that needs more says so."""
    assert re.search(r"^permissions:( \{\}|\n  contents: read)\n\n", TEXTS[name], re.MULTILINE)


def test_the_images_python_is_tested():
    """The suite runs with the Python of the image, and with the oldest one that the project promises."""
    versions = re.search(r"python: \[(.+)\]", TEXTS["ci.yml"])[1].replace('"', "").split(", ")
    image = re.search(r"^FROM python:([\d.]+)-", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[1]
    oldest = re.search(r'requires-python = ">=([\d.]+)', (ROOT / "pyproject.toml").read_text())[1]
    assert {image, oldest} <= set(versions)


def test_a_pull_request_is_tested_once():
    """Its pushes start no run of their own, and no commit of main is cancelled by the next one."""
    assert "push:\n    branches: [main]\n  pull_request:\n" in TEXTS["ci.yml"]
    assert "cancel-in-progress: ${{ github.event_name == 'pull_request' }}" in TEXTS["ci.yml"]
