"""The three files of requirements name the same versions: what runs, the demo, the tests."""

import re

import pytest

from scripts.launcher.guard import ROOT


def pinned(name):
    """Each package with its version, and its hashes."""
    packages = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if found := re.match(r"([a-z0-9-]+(?:\[\w+\])?==\S+)", line):
            hashes = packages.setdefault(found[1], set())
        elif "--hash=" in line:
            hashes.add(line.strip(" \\"))
    return packages


@pytest.mark.parametrize(
    ("smaller", "larger"),
    [("requirements.txt", "requirements-demo.txt"), ("requirements-demo.txt", "requirements-dev.txt")],
)
def test_the_smaller_file_is_part_of_the_larger(smaller, larger):
    """The test's .venv is the demo's with more in it, so installing one after the other changes nothing."""
    few, many = pinned(smaller), pinned(larger)
    assert few.items() <= many.items()
    assert all(few.values())


def test_the_demo_is_spared_what_only_tests_need():
    """These are two thirds of the tests' .venv."""
    names = {package.partition("==")[0] for package in pinned("requirements-demo.txt")}
    assert not names & {"scipy", "playwright", "mypy", "ruff", "pytest", "hypothesis", "schemathesis"}
