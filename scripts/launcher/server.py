"""A child process that listens on a port of 127.0.0.1."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path

from scripts.launcher import ports
from scripts.launcher.launch_error import LaunchError, PortTakenError
from scripts.launcher.process import Process

_OTHER_PORTS = 5
# Messages of programs about a taken port: POSIX, and Windows.
_TAKEN = ("address already in use", "only one usage of each socket address")


class Server(Process):
    """A process with a port. `start()` returns when it answers, and no other program on that port.

    `port` is required to be this one; `prefer` may be replaced when it is taken; with neither, any free port
    is used. The port of the first start is kept: a server that was killed starts again on it.
    """

    host = ports.LOOPBACK

    def __init__(
        self,
        name: str,
        *,
        log: Path,
        port: int | None = None,
        prefer: int | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(name, [], log=log, env=env)
        self._port = port
        self._prefer = prefer

    @property
    def port(self) -> int:
        if self._port is None:
            raise LaunchError(f"{self.name} has no port before its first start.")
        return self._port

    @abstractmethod
    def command(self) -> list[str]:
        """Return the program with its arguments; reads `port`."""

    def prepare(self) -> None:
        """Create the files that the server needs before its start; reads `port`."""

    def answers(self) -> bool:
        """Return whether the server works, once it listens."""
        return True

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises LaunchError; where another program was quicker to take the port, another port is tried.
        """
        if self.alive:
            return
        if self._port is not None:
            self._start_here()
            return
        for attempt in range(_OTHER_PORTS):
            self._port = ports.free_port(self._prefer if attempt == 0 else None)
            try:
                self._start_here()
            except PortTakenError:
                self._port = None
            except BaseException:
                self._port = None
                raise
            else:
                return
        raise self.failure(f"{self.name} found no free port in {_OTHER_PORTS} attempts; start again.")

    def _start_here(self) -> None:
        self.prepare()
        super().start()
        try:
            self.wait_until(self._is_up)
        except LaunchError as failed:
            # The other program may have freed the port again by now: then only the log shows it.
            lost = not ports.is_free(self.port) or any(words in failed.tail.lower() for words in _TAKEN)
            lost = lost and not self.alive
            self.stop()
            if not lost:
                raise
            raise PortTakenError(
                f"{self.name} can't listen on port {self.port}: another program does.",
                log=failed.log,
                tail=failed.tail,
            ) from None
        except BaseException:
            self.stop()
            raise

    def _is_up(self) -> bool:
        # The connection first: `listens` is expensive where there are many sockets.
        return ports.answers(self.host, self.port) and ports.listens(self.pid, self.port) and self.answers()
