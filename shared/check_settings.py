"""The command `python -m shared.check_settings worker|alerts|api`, a check of settings.

Exit codes: 0 all settings are valid; 2 a setting is not, or wrong arguments.
"""

import signal

if __name__ == "__main__":
    # Until main() runs: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import sys

from shared.api_settings import ApiSettings
from shared.command_arguments import command_parser, complain
from shared.settings import AlertSettings, InvalidSettingsError, Settings, WorkerSettings, load

_KINDS: dict[str, type[Settings]] = {
    "worker": WorkerSettings,
    "alerts": AlertSettings,
    "api": ApiSettings,
}
_NAMES = {"worker": "worker", "alerts": "alert worker", "api": "api"}


def main() -> int:
    """Run the command and return its exit code."""
    parser = command_parser(
        "python -m shared.check_settings",
        "Check the settings of one process, from the environment and .env, without starting it.",
        examples=["worker", "alerts", "api"],
    )
    parser.add_argument("process", choices=_KINDS, help="the process whose settings are checked")
    process = parser.parse_args().process
    try:
        load(_KINDS[process])
    except InvalidSettingsError as error:
        return complain(f"The {_NAMES[process]} does not start: {error}", code=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
