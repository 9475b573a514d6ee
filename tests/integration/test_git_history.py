"""Git's history as tests read it, in checkouts where git says nothing by default."""

import os

import pytest

from tests import git_history


def test_a_checkout_of_another_user_is_read(monkeypatch):
    """A container's root reads a checkout that was mounted; git takes each owner for another one here."""
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    assert b"README.md\0" in git_history.from_git("ls-files", "-z")


def test_a_checkout_without_history_skips(monkeypatch, tmp_path):
    """The reason is git's own; with REQUIRE_HISTORY, nothing is left out unseen."""
    monkeypatch.setattr(git_history, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", os.fspath(tmp_path.parent))
    monkeypatch.delenv("REQUIRE_HISTORY", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"ls-files -z here: .*not a git repository"):
        git_history.from_git("ls-files", "-z")
    monkeypatch.setenv("REQUIRE_HISTORY", "1")
    with pytest.raises(pytest.fail.Exception, match="not a git repository"):
        git_history.from_git("ls-files", "-z")
