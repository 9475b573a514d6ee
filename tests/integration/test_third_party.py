"""Third parties' files come from packages: none lies in git, and no lock file names where to fetch them."""

import json
import re
from pathlib import Path

import pytest

from tests.git_history import ROOT, from_git

TRACKED = [
    name for name in from_git("ls-files", "-z").decode().split("\0") if name and (ROOT / name).is_file()
]
SCRIPTS = [name for name in TRACKED if Path(name).suffix in {".js", ".mjs", ".cjs", ".css"}]
# Signs of a copied file: a notice of its author, or lines that no person wrote.
NOTICE = re.compile(r"copyright|\(c\)|all rights reserved|@license|licen[cs]ed under", re.IGNORECASE)
_LONGEST_LINE = 400


def test_scripts_are_found():
    """A check that reads no file proves nothing."""
    assert {"api/dashboard/main.js", "api/dashboard/style.css", "scripts/build_dashboard.mjs"} <= set(SCRIPTS)


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_in_git_is_ours(name):
    """Ours lie in two places, say nothing of copyright, and are not minified."""
    text = (ROOT / name).read_text(encoding="utf-8")
    assert name.startswith(("api/dashboard/", "scripts/"))
    assert not re.search(r"node_modules|vendor|third.party|\.min\.", name)
    assert not NOTICE.search(text)
    assert max(map(len, text.splitlines())) < _LONGEST_LINE


def test_packages_are_pinned_and_name_no_address():
    """Each package has one exact version and a hash; a registry of the reader's own choice serves it."""
    package_json = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    for version in (package_json["dependencies"] | package_json["devDependencies"]).values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    text = (ROOT / "package-lock.json").read_text(encoding="utf-8")
    packages = json.loads(text)["packages"]
    assert all(package["integrity"] for name, package in packages.items() if name)
    assert "resolved" not in text
    assert "http" not in (ROOT / "requirements-node.txt").read_text(encoding="utf-8")
