"""The frame of a command that starts servers: signals, failures, and a stop of the servers at its end."""

import io
import sys
from collections.abc import Callable

from scripts.launcher import screen, signals
from scripts.launcher.guard import GUARD
from scripts.launcher.launch_error import LaunchError


def run_launcher(run: Callable[[], int], *, failed: int) -> int:
    """Run and return the exit code: `failed` where a server can't be started, 128 + N after signal N."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)
    signals.listen()
    try:
        return run()
    except LaunchError as error:
        screen.failure(error)
        return failed
    except signals.StoppedBySignal as stopped:
        print("\nStopped.", file=sys.stderr)
        return 128 + stopped.number
    finally:
        signals.ignore()
        GUARD.close()
