"""The output of git about this checkout, for tests of the tracked files and of older releases."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def from_git(*arguments: str) -> bytes:
    """Return the output of a git command in this checkout.

    A checkout without the history (a source archive, a shallow clone) skips the test with the reason; with
    REQUIRE_HISTORY set, as in the project's workflow, the test fails.
    """
    # Of a checkout that belongs to another user, such as one that is mounted into a container, git tells root
    # nothing without the option.
    command = ["git", "-c", "safe.directory=*", "-C", str(ROOT), *arguments]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        missing = f"git can't {' '.join(arguments[:2])} here: {done.stderr.decode().strip()}"
        if os.environ.get("REQUIRE_HISTORY"):
            pytest.fail(missing)
        pytest.skip(missing, allow_module_level=True)
    return done.stdout
