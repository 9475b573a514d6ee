import io
import time

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.reasoncodes import ReasonCode

from scripts import simulate
from scripts.simulator.message import Message
from scripts.simulator.progress import Progress
from scripts.simulator.publisher import BrokerUnreachableError, Publisher
from scripts.simulator.receipts import RETRY_DELAYS_S, Receipts
from shared.settings import BrokerSettings


class Broker:
    """A stand-in for the publisher that acknowledges at once, or never."""

    receipts = None
    lost = 0

    def __init__(self, *, answers=True, after_publish=None):
        self.published = self.acknowledged = self.messages = 0
        self.connected, self.full, self.closed = True, False, False
        self.answers = answers
        self.after_publish = after_publish

    @property
    def answered(self):
        return self.acknowledged

    @property
    def unanswered(self):
        return self.published - self.answered

    def publish(self, message):
        self.published += message.readings
        self.messages += 1
        if self.after_publish:
            self.after_publish()

    def collect(self, _timeout_s=0.0):
        if self.answers:
            self.acknowledged = self.published

    def wait_for_acks(self, _timeout_s, meanwhile):
        self.collect()
        meanwhile()

    def close(self):
        self.closed = True


MESSAGES = [Message(0, "vehicles/VIN-A/telemetry", b"{}", "VIN-A", ("t1", "t2", "t3"))] * 4


def test_all_acknowledged_is_success(capsys):
    """Everything published and acknowledged: the figures, and status 0."""
    broker = Broker()
    assert simulate.run(MESSAGES, 12, broker, simulate.Stop()) == 0
    assert "12 readings published in 4 messages, 12 acknowledged" in capsys.readouterr().out
    assert broker.closed


def test_unacknowledged_is_failure(capsys):
    """Unacknowledged readings are reported, with status 1."""
    assert simulate.run(MESSAGES, 12, Broker(answers=False), simulate.Stop()) == 1
    assert "12 readings stayed unacknowledged" in capsys.readouterr().err


def test_a_signal_ends_the_run_early(capsys):
    """After Ctrl-C no further message is published, and the figures count the published ones."""
    stop = simulate.Stop()
    broker = Broker(after_publish=lambda: stop.on_signal(2, None))
    assert simulate.run(MESSAGES, 12, broker, stop) == 0
    assert broker.messages == 1
    assert "3 readings published" in capsys.readouterr().out


def test_messages_wait_until_they_are_due(monkeypatch):
    """A message due in 0.3 s leaves then, not before and not after."""
    # A clock that only the waits advance: on a busy machine the real one runs on between two messages.
    now, times = [1_000.0], []
    monkeypatch.setattr(simulate, "monotonic", lambda: now[0])

    class WaitingBroker(Broker):
        def collect(self, timeout_s=0.0):
            now[0] += timeout_s
            super().collect()

    due = [message._replace(due_s=number / 10) for number, message in enumerate(MESSAGES)]
    broker = WaitingBroker(after_publish=lambda: times.append(now[0]))
    simulate.run(due, 12, broker, simulate.Stop())
    assert times == pytest.approx([1_000.0, 1_000.1, 1_000.2, 1_000.3])


class ConfirmingBroker(Broker):
    """A stand-in for the publisher with receipts; `answer` sets the counts of receipts."""

    def __init__(self, *, connected=True, answer=lambda _receipts, _calls: None):
        super().__init__()
        self.connected = connected
        self.receipts = Receipts()
        self.answer = answer
        self.calls = 0

    @property
    def answered(self):
        return self.receipts.settled

    def collect(self, _timeout_s=0.0):
        time.sleep(0.001)
        self.acknowledged = self.published
        self.calls += 1
        self.answer(self.receipts, self.calls)


def answer_all(receipts, calls):
    if calls == 20:
        receipts.stored, receipts.duplicate, receipts.republished, receipts.broken = 8, 1, 5, 7
        receipts.rejected.update(conflict=2, bad_reading=1)


@pytest.fixture
def short_timeouts(monkeypatch):
    """Set short timeouts: for the last receipts, for the broker, and after a signal."""

    def set_to(receipts, broker, stopped):
        monkeypatch.setattr(simulate, "_LAST_RECEIPTS_S", receipts)
        monkeypatch.setattr(simulate, "_BROKER_AWAY_S", broker)
        monkeypatch.setattr(simulate, "_LAST_ACKS_STOPPED_S", stopped)

    return set_to


def test_receipts_are_summed_up(capsys):
    """A rejected reading has its receipt: status 0, and the reasons are printed."""
    assert simulate.run(MESSAGES, 12, ConfirmingBroker(answer=answer_all), simulate.Stop()) == 0
    captured = capsys.readouterr()
    assert "12 readings published in 4 messages, 12 acknowledged" in captured.out
    assert (
        "receipts: 8 stored, 1 duplicate, 3 rejected; 5 messages republished; 0 readings without a receipt"
        in captured.out
    )
    assert "3 readings were rejected: conflict 2, bad_reading 1" in captured.err
    assert "7 receipts could not be read" in captured.err


def test_without_a_receipt_is_failure(short_timeouts, capsys):
    """An acknowledgement is not enough: readings without a receipt are reported, with status 1."""
    short_timeouts(receipts=0.1, broker=60, stopped=60)
    assert simulate.run(MESSAGES, 12, ConfirmingBroker(), simulate.Stop()) == 1
    assert "12 readings stayed without a receipt" in capsys.readouterr().err


def test_receipts_that_trickle_in_are_waited_for(short_timeouts):
    """The timeout begins anew with every receipt."""
    short_timeouts(receipts=1.0, broker=60, stopped=60)

    def trickle(receipts, calls):
        receipts.stored = min(12, calls // 120)

    began = simulate.monotonic()
    assert simulate.run(MESSAGES, 12, ConfirmingBroker(answer=trickle), simulate.Stop()) == 0
    assert simulate.monotonic() - began > 1.2


def test_while_the_broker_is_away_the_wait_is_longer_and_bounded(short_timeouts):
    """Only time with a connection counts against the receipts."""
    short_timeouts(receipts=0.05, broker=0.3, stopped=60)
    began = simulate.monotonic()
    assert simulate.run(MESSAGES, 12, ConfirmingBroker(connected=False), simulate.Stop()) == 1
    assert 0.3 <= simulate.monotonic() - began < 5


def test_a_signal_shortens_the_wait_for_receipts(short_timeouts):
    """Ctrl-C while the last receipts are waited for ends the run soon."""
    short_timeouts(receipts=60, broker=60, stopped=0.1)
    stop = simulate.Stop()

    def interrupt(_receipts, calls):
        stop.requested = calls > 50

    began = simulate.monotonic()
    assert simulate.run(MESSAGES, 12, ConfirmingBroker(answer=interrupt), stop) == 1
    assert simulate.monotonic() - began < 5


def test_the_timeout_outlasts_every_delay():
    """A message published again last has time for its receipt."""
    assert max(RETRY_DELAYS_S) + 10 <= simulate._LAST_RECEIPTS_S


def test_a_refused_subscription_ends_the_start(monkeypatch):
    """A broker that grants no receipts is no use to a run that waits for them: the error says so."""

    class RefusedClient(paho.Client):
        def connect(self, *_arguments):
            """Open no connection."""

        def loop_start(self):
            self.on_subscribe(self, None, 1, [ReasonCode(PacketTypes.SUBACK, identifier=128)], None)

    monkeypatch.setattr("scripts.launcher.mqtt_session.Client", RefusedClient)
    publisher = Publisher(BrokerSettings(), window=10, receipts=Receipts())
    with pytest.raises(BrokerUnreachableError, match=r"does not grant .* vehicles/\+/receipts"):
        publisher.connect()


class Terminal(io.StringIO):
    def isatty(self):
        return True


def shown(stream, times, **options):
    clock = iter([0.0, *times])
    progress = Progress(stream, 100, lambda: next(clock), **options)
    for count, _ in enumerate(times, start=1):
        progress.show(published=count * 10, answered=count * 10 - 1, connected=count < 3)
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


def test_progress_says_what_is_waited_for():
    """With receipts, the progress counts them."""
    text = shown(Terminal(), [1.0], answer="with a receipt")
    assert "10 of 100 readings published (10%), 9 with a receipt, 10/s" in text
