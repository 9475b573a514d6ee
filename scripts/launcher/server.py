"""A child that listens on a port of 127.0.0.1."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path

from scripts.launcher import ports
from scripts.launcher.launch_error import LaunchError, PortTakenError
from scripts.launcher.process import Process

_OTHER_PORTS = 5
# How programs call a port that another one has: POSIX, and Windows.
_TAKEN = ("address already in use", "only one usage of each socket address")


class Server(Process):
    """A Process with a port. `start()` returns when it answers, and it is surely ours that answers.

    `port` must be this one; `prefer` may be another when it is taken; with neither, any free port is
    used. The port of the first start is kept: a server that was killed comes back where it was.
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
        """What is run; reads `port`."""

    def prepare(self) -> None:
        """What must lie on the disk before it starts; reads `port`."""

    def answers(self) -> bool:
        """Whether it does its work, now that it listens."""
        return True

    def start(self) -> None:
        """Start it and wait until it answers. Raises LaunchError; on a port race it tries another port."""
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
            # Whoever was quicker may have left the port again by now: then only the log tells.
            lost = not ports.is_free(self.port) or any(said in failed.tail.lower() for said in _TAKEN)
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
        # Somebody answers, it is ours, and does its work: the second costs much where there are many sockets.
        return ports.answers(self.host, self.port) and ports.listens(self.pid, self.port) and self.answers()
