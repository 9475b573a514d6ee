"""Our commands, called in the test's own process or started as a person starts them.

Both are called with arguments and, by name, variables of the environment; both return the exit code, the
lines on standard output and the text on standard error.
"""

import os
import subprocess
import sys

from scripts.launcher.guard import ROOT


def within(main, monkeypatch, capsys, **settings):
    """Call `main` in this process."""

    def run(*arguments, **environment):
        with monkeypatch.context() as patch:
            for name, value in {**settings, **environment}.items():
                patch.setenv(name, value)
            try:
                code = main(list(arguments))
            except SystemExit as refused:
                code = refused.code
        output, errors = capsys.readouterr()
        return code, output.splitlines(), errors

    return run


def as_process(module, folder, **settings):
    """Start `python -m module` in a folder; a stack trace fails the test."""

    def run(*arguments, **environment):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", module, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **settings, **environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout.splitlines(), done.stderr

    return run
