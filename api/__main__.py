"""`python -m api`: uvicorn with this project's settings."""

import signal

if __name__ == "__main__":
    # Until our own handlers stand: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import gc
import sys

import uvicorn

from api.main import create_app
from shared import logs
from shared.settings import ApiSettings, InvalidSettingsError, load


def main() -> int:
    """Serve until SIGTERM or Ctrl-C; returns the exit code: 0 stopped, 1 can't serve, 2 wrong settings."""
    try:
        settings = load(ApiSettings)
    except InvalidSettingsError as error:
        print(error, file=sys.stderr)
        return 2
    logs.configure(settings.log_level)
    # Readings make no cycles, and looking for some after each 700 of them took a fifth of the time.
    gc.set_threshold(50_000, 20, 20)
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(settings),
            host=settings.api_host,
            port=settings.api_port,
            log_config=None,
            access_log=settings.log_level == "DEBUG",
            server_header=False,
            timeout_graceful_shutdown=10,
        )
    )
    # uvicorn raises the signal again once it has shut down; by then it has done its work.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
