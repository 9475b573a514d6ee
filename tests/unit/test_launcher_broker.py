"""The configuration that the launcher makes for Mosquitto."""

import os
from pathlib import Path

import pytest

from scripts.launcher.broker import CONFIG, configuration, find_mosquitto
from scripts.launcher.launch_error import LaunchError

TEMPLATE = CONFIG.read_text(encoding="utf-8")
FOLDER = Path("/some where/deep")


def settings(text):
    """Return the configuration lines without comments, as (name, value)."""
    return [tuple(line.split(" ", 1)) for line in text.splitlines() if line and not line.startswith("#")]


def test_only_the_listener_the_folder_and_the_user_differ():
    """Every other line is the one of mosquitto/mosquitto.conf."""
    made = settings(configuration(TEMPLATE, 2883, FOLDER, {}))
    changed = {"listener", "persistence_location", "user"}
    assert [line for line in made if line[0] not in changed] == [
        line for line in settings(TEMPLATE) if line[0] not in changed
    ]


def test_the_listener_is_on_the_loopback_address_only():
    """There is one listener, and no other machine can reach it."""
    made = settings(configuration(TEMPLATE, 2883, FOLDER, {}))
    assert [line for line in made if line[0] == "listener"] == [("listener", "2883 127.0.0.1")]


def test_the_folder_may_hold_a_blank():
    """The folder is the rest of the line, blanks included."""
    assert ("persistence_location", "/some where/deep/") in settings(configuration(TEMPLATE, 1, FOLDER, {}))


@pytest.mark.parametrize("euid", [0, 1000])
def test_root_stays_root(monkeypatch, euid):
    """Started as root, Mosquitto must not become a user that can't write the folder."""
    monkeypatch.setattr(os, "geteuid", lambda: euid, raising=False)
    assert (("user", "root") in settings(configuration(TEMPLATE, 1, FOLDER, {}))) == (euid == 0)


def test_overrides_replace_add_and_drop_lines():
    """A test may change any line."""
    changes = {"persistence": "false", "acl_file": "/a", "autosave_interval": None}
    made = dict(settings(configuration(TEMPLATE, 1, FOLDER, changes)))
    assert made["persistence"] == "false"
    assert made["acl_file"] == "/a"
    assert "autosave_interval" not in made


def test_a_missing_mosquitto_is_an_error_with_a_remedy(monkeypatch):
    """No program on PATH or in the usual folders: a sentence with the command to run."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("scripts.launcher.broker._FOLDERS", ())
    monkeypatch.setattr("shutil.which", lambda *_arguments, **_options: None)
    with pytest.raises(LaunchError, match="apt-get install mosquitto"):
        find_mosquitto()
