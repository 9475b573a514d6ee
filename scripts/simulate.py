"""Publish readings of a simulated fleet, or recorded ones, over MQTT: `python -m scripts.simulate --help`.

Exit status: 0 all acknowledged (with --confirm: a receipt for everything; at QoS 0: all sent); 1 something
was not, or the broker is out of reach; 2 wrong options, settings or file.
"""

import signal

if __name__ == "__main__":
    # Until main() runs: Ctrl-C during the imports ends the process without a stack trace.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from time import monotonic

from scripts.simulator import faults, fleet, options, replay
from scripts.simulator.dialects.burst import bursts
from scripts.simulator.dialects.encoder import Car, Encoder, Opening
from scripts.simulator.dialects.registry import DIALECTS
from scripts.simulator.dialects.sources_file import UnwritableFileError, sources_toml, write
from scripts.simulator.message import Message, messages
from scripts.simulator.options import Options
from scripts.simulator.progress import Progress
from scripts.simulator.publisher import BrokerUnreachableError, Publisher
from scripts.simulator.reading import DueReading
from scripts.simulator.receipts import RETRY_DELAYS_S, Receipts
from scripts.simulator.stop import Stop
from scripts.simulator.timetable import FutureReadingsError, Timetable, latest_start
from shared.command_arguments import complain
from shared.settings import BrokerSettings, InvalidSettingsError, load

_WRONG = (InvalidSettingsError, FutureReadingsError, replay.BrokenRecordingError, UnwritableFileError)
_MAX_UNACKNOWLEDGED = 500
_MAX_WITHOUT_RECEIPT = 5000
"""A receipt takes as long as a batch, some 200 ms: a window of 500 would allow 2,500 readings/s at most."""
_LAST_ACKS_S = 30.0
_LAST_ACKS_STOPPED_S = 5.0
_LAST_RECEIPTS_S = RETRY_DELAYS_S[-1] + 15.0
"""Longer than the longest delay: a reading without a receipt was published again, with time for an answer."""
_BROKER_AWAY_S = 300.0
_SLICE_S = 0.1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parsed = options.parse(arguments)
    stop = Stop()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop.on_signal)
    try:
        total, due_readings, vins = plan(parsed)
        if parsed.dialect is None:
            publisher = _publisher(parsed)
            due_messages = messages(due_readings, parsed.array, confirm=parsed.confirm)
            publisher.connect(vins)
        else:
            encoder = DIALECTS[parsed.dialect]
            cars = {vin: Car(number, vin) for number, vin in enumerate(vins, start=1)}
            opening = encoder.opening(list(cars.values()), datetime.now(UTC))
            publisher = _publisher(parsed, opening)
            _give_mapping(encoder, list(cars.values()), parsed)
            births = 0 if opening is None else len(opening.births)
            due_messages = bursts(due_readings, encoder, cars, seed=parsed.seed, first_number=births)
            # No vehicles: a status on our own topics would make them known without a reading.
            publisher.connect()
    except _WRONG as wrong:
        return complain(wrong, code=2)
    except BrokerUnreachableError as unreachable:
        return complain(unreachable)
    return run(due_messages, total, publisher, stop)


def _give_mapping(encoder: Encoder, cars: Sequence[Car], requested: Options) -> None:
    """Write the worker's mapping file, or print its text. Raises UnwritableFileError."""
    text = sources_toml(encoder, cars)
    if requested.mapping is None:
        print(f"# The worker's mapping file (MQTT_SOURCES) for these vehicles:\n{text}", flush=True)
    else:
        write(requested.mapping, text)


def _publisher(requested: Options, opening: Opening | None = None) -> Publisher:
    settings = load(BrokerSettings)
    if requested.confirm:
        # At least two: one array is stored while the next is in flight.
        window = max(2, _MAX_WITHOUT_RECEIPT // requested.array)
        return Publisher(settings, window=window, receipts=Receipts())
    window = max(10, _MAX_UNACKNOWLEDGED // requested.array)
    return Publisher(settings, window=window, opening=opening)


def plan(requested: Options) -> tuple[int, Iterable[DueReading], Sequence[str]]:
    """Return the number of readings, the readings as they fall due, and the VINs of their vehicles."""
    if requested.replay:
        recording = replay.load(requested.replay)
        seed = requested.seed if requested.shuffle else None
        due_readings = replay.schedule(recording, speedup=requested.speedup, shuffle_seed=seed)
        return len(recording), due_readings, list(dict.fromkeys(recorded.vin for recorded in recording))
    now = datetime.now(UTC)
    start = requested.start or latest_start(now, requested.duration, requested.speedup)
    timetable = Timetable(start, requested.vehicles, requested.rate, requested.duration, requested.speedup)
    timetable.check_not_ahead(now)
    vins = [fleet.vin_of(requested.vin_prefix, number) for number in range(requested.vehicles)]
    due_readings = fleet.readings(timetable, seed=requested.seed, vin_prefix=requested.vin_prefix)
    if requested.faults:
        due_readings = faults.inject(due_readings, requested.faults, timetable, seed=requested.seed)
    return timetable.count * timetable.vehicles, due_readings, vins


def run(due_messages: Iterable[Message], total: int, publisher: Publisher, stop: Stop) -> int:
    """Publish each message when due, wait for the last answers, print a summary; returns the exit code."""
    confirms = publisher.receipts is not None
    progress = Progress(sys.stdout, total, answer="with a receipt" if confirms else "acknowledged")

    def show() -> None:
        progress.show(
            published=publisher.published, answered=publisher.answered, connected=publisher.connected
        )

    started = monotonic()
    for message in due_messages:
        if not _ready(started + message.due_s, publisher, stop, show):
            break
        publisher.publish(message)
        publisher.collect()
        show()
    if confirms:
        _wait_for_receipts(publisher, stop, show)
    else:
        publisher.wait_for_acks(_LAST_ACKS_STOPPED_S if stop.requested else _LAST_ACKS_S, show)
    elapsed = monotonic() - started
    progress.end()
    publisher.close()
    return _sum_up(publisher, elapsed)


def _ready(due: float, publisher: Publisher, stop: Stop, show: Callable[[], None]) -> bool:
    """Wait for the moment `due` and for room in the window; False where the run ends instead."""
    deadline = monotonic() + _BROKER_AWAY_S
    while not stop.requested:
        now = monotonic()
        if publisher.full:
            if now > deadline:
                answer = "acknowledgement" if publisher.receipts is None else "receipt"
                print(f"no {answer} for {_BROKER_AWAY_S:.0f} s: giving up", file=sys.stderr)
                return False
            publisher.collect(_SLICE_S)
        elif now < due:
            publisher.collect(min(_SLICE_S, due - now))
        else:
            return True
        show()
    return False


def _wait_for_receipts(publisher: Publisher, stop: Stop, show: Callable[[], None]) -> None:
    """Collect until every reading has its receipt, or until the timeout has passed without an answer.

    A timeout counts from the last answer. The one for receipts counts only time with a connection.
    """
    quiet = quiet_connected = 0.0
    before = monotonic()
    while publisher.unanswered and quiet_connected < _LAST_RECEIPTS_S:
        if quiet >= (_LAST_ACKS_STOPPED_S if stop.requested else _BROKER_AWAY_S):
            return
        so_far = publisher.acknowledged + publisher.answered
        publisher.collect(_SLICE_S)
        now = monotonic()
        if publisher.acknowledged + publisher.answered > so_far:
            quiet = quiet_connected = 0.0
        else:
            quiet += now - before
            quiet_connected += now - before if publisher.connected else 0.0
        before = now
        show()


def _sum_up(publisher: Publisher, elapsed: float) -> int:
    print(
        f"{publisher.published:,} readings published in {publisher.messages:,} messages,"
        f" {publisher.acknowledged:,} acknowledged, {publisher.answered / elapsed:,.1f} readings/s"
        f" over {elapsed:,.1f} s",
        flush=True,
    )
    if publisher.receipts is not None:
        _sum_up_receipts(publisher.receipts, publisher.unanswered)
    if publisher.lost:
        print(f"{publisher.lost:,} messages of QoS 0 were lost: no connection", file=sys.stderr)
    if publisher.unanswered:
        state = "unacknowledged" if publisher.receipts is None else "without a receipt"
        print(f"{publisher.unanswered:,} readings stayed {state}", file=sys.stderr)
    return 1 if publisher.unanswered or publisher.lost else 0


def _sum_up_receipts(receipts: Receipts, without: int) -> None:
    rejected = receipts.rejected.total()
    print(
        f"receipts: {receipts.stored:,} stored, {receipts.duplicate:,} duplicate, {rejected:,} rejected;"
        f" {receipts.republished:,} messages republished; {without:,} readings without a receipt",
        flush=True,
    )
    if rejected:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in receipts.rejected.most_common())
        print(f"{rejected:,} readings were rejected: {reasons}", file=sys.stderr)
    if receipts.broken:
        print(f"{receipts.broken:,} receipts could not be read", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
