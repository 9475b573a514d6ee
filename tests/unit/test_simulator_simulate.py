import io
import socket

import pytest

from scripts import simulate
from scripts.simulator.message import Message
from scripts.simulator.progress import Progress
from scripts.simulator.publisher import BrokerUnreachableError, Publisher
from shared.settings import BrokerSettings


class Broker:
    """Stands in for the publisher: acknowledges at once, or never."""

    def __init__(self, *, answers=True, after_publish=None):
        self.published = self.acknowledged = self.messages = 0
        self.connected, self.full, self.closed = True, False, False
        self._answers = answers
        self._after_publish = after_publish

    @property
    def unacknowledged(self):
        return self.published - self.acknowledged

    def publish(self, message):
        self.published += message.readings
        self.messages += 1
        if self._after_publish:
            self._after_publish()

    def collect(self, _timeout_s=0.0):
        if self._answers:
            self.acknowledged = self.published

    def wait_for_acks(self, _timeout_s, meanwhile):
        self.collect()
        meanwhile()

    def close(self):
        self.closed = True


MESSAGES = [Message(0, "vehicles/VIN-A/telemetry", b"{}", 3)] * 4


def test_all_acknowledged_is_success(capsys):
    """Everything published and acknowledged: the figures, and status 0."""
    broker = Broker()
    assert simulate.run(MESSAGES, 12, broker, simulate.Stop()) == 0
    assert "12 readings published in 4 messages, 12 acknowledged" in capsys.readouterr().out
    assert broker.closed


def test_unacknowledged_is_failure(capsys):
    """What the broker never acknowledged is said, and status 1."""
    assert simulate.run(MESSAGES, 12, Broker(answers=False), simulate.Stop()) == 1
    assert "12 readings stayed unacknowledged" in capsys.readouterr().err


def test_a_signal_ends_the_run_early(capsys):
    """After Ctrl-C nothing more is published, and the figures are of what was."""
    stop = simulate.Stop()
    broker = Broker(after_publish=lambda: stop.on_signal(2, None))
    assert simulate.run(MESSAGES, 12, broker, stop) == 0
    assert broker.messages == 1
    assert "3 readings published" in capsys.readouterr().out


def test_messages_wait_until_they_are_due():
    """A message due in 0.3 s leaves then, not before."""
    due = [message._replace(due_s=number / 10) for number, message in enumerate(MESSAGES)]
    times = []
    broker = Broker(after_publish=lambda: times.append(simulate.monotonic()))
    simulate.run(due, 12, broker, simulate.Stop())
    assert times[3] - times[0] == pytest.approx(0.3, abs=0.1)


def test_broker_out_of_reach_is_one_line():
    """The error names the two variables and what to do."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        publisher = Publisher(BrokerSettings(mqtt_host="127.0.0.1", mqtt_port=port), window=10)
        with pytest.raises(BrokerUnreachableError) as raised:
            publisher.connect()
    assert f"MQTT_HOST=127.0.0.1 MQTT_PORT={port}" in str(raised.value)
    assert "Start the broker" in str(raised.value)
    assert "\n" not in str(raised.value)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(stream, times):
    clock = iter([0.0, *times])
    progress = Progress(stream, 100, lambda: next(clock))
    for count, _ in enumerate(times, start=1):
        progress.show(published=count * 10, acknowledged=count * 10 - 1, connected=count < 3)
    progress.end()
    return stream.getvalue()


def test_progress_on_a_terminal_rewrites_one_line():
    """Each state replaces the last, and the line is left whole at the end."""
    text = shown(Terminal(), [1.0, 1.1, 2.0])
    assert text.count("\r") == 2
    assert text.count("\n") == 1
    assert "10 of 100 readings published (10%), 9 acknowledged, 10/s" in text
    assert "broker away" in text


def test_progress_elsewhere_is_a_line_now_and_then():
    """In a log there is a line every five seconds, and no control characters."""
    text = shown(io.StringIO(), [1.0, 5.5, 6.0, 11.0])
    assert text.count("\n") == 2
    assert "\r" not in text
