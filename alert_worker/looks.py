"""Looks at the fleet: vehicles with new readings are judged, and the stored episodes follow."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from alert_worker import late_data, memory
from alert_worker.alert_metrics import AlertMetrics
from alert_worker.episode_writer import EpisodeWriter
from alert_worker.fleet_scan import FleetScan, Seen
from alert_worker.judging import judge_last_hours, judge_whole_past, read_whole_past
from alert_worker.late_data import Checked
from alert_worker.shares import ClaimLostError, Shares, share_of
from alert_worker.silence import silence_changes
from alert_worker.suspicion import suspects
from alert_worker.vehicle_progress import advance, begin_of_changes, oldest_arrival, want_whole, watched_of
from alert_worker.vehicle_state import AT_ONCE, DAILY, SOON, VehicleState
from shared.diagnostics.trace import moment
from shared.episodes.store import touching_episodes
from shared.storage.read_traces import read_since
from shared.vehicle_profile import Profile

T = TypeVar("T")

log = logging.getLogger("alert_worker")

_VEHICLES_AT_ONCE = 500
_JUDGED_AT_ONCE = 100
_PROFILES_EVERY = timedelta(seconds=30)
_SAVE_EVERY = timedelta(minutes=5)


class Looks:
    """The looks of one worker at the vehicles of its shares."""

    def __init__(
        self,
        engine: Engine,
        shares: Shares,
        metrics: AlertMetrics,
        *,
        silent_after: timedelta,
        beat: Callable[[], bool] = lambda: True,
    ) -> None:
        """Make the looks; `beat` is called between two statements and returns False to stop."""
        self._engine = engine
        self._shares = shares
        self._metrics = metrics
        self._silent_after = silent_after
        self._writer = EpisodeWriter(engine, shares, metrics)
        self._beat = beat
        self._scan = FleetScan()
        self._states: dict[str, VehicleState] = {}
        self._profiles: dict[str, Profile] = {}
        self._profiles_at: datetime | None = None

    def look(self, now: datetime) -> None:
        """Judge the vehicles with new readings, the longest waiting ones first."""
        with self._connection() as database:
            self._forget_released()
            self._read_profiles(database, now)
            seen = self._scan.read(database, self._shares.held)
            changed = [each for each in seen if self._is_changed(each)]
            changed.sort(key=lambda each: each.received_at)
            oldest = [self._judge(database, some, now) for some in self._while_it_goes_on(changed)]
            self._keep_silence(seen, now)
        arrivals = [each for each in oldest if each is not None]
        self._metrics.looked(self._states.values(), len(changed), min(arrivals, default=None))

    def _while_it_goes_on(self, changed: Sequence[Seen]) -> Iterator[list[Seen]]:
        for some in _batched(changed, _VEHICLES_AT_ONCE):
            yield some
            if not self._beat():
                return

    def judge_one_whole(self, now: datetime) -> bool:
        """Judge the whole past of the vehicle that is due longest; return False where none is due."""
        due = [each for each in self._states.values() if each.whole_due and each.whole_due <= now]
        self._metrics.whole_due = len(due)
        if not due:
            return False
        state = min(due, key=lambda each: (each.whole_due, each.vin))
        with self._connection() as database:
            past = read_whole_past(database, state.vin, state.profile)
        if past is None or not len(past.trace):
            state.whole_at, state.whole_due = now, now + DAILY
            return True
        first = moment(past.trace.ts[0])
        with self._engine.connect() as connection:
            known = touching_episodes(connection, [state.vin], first, lock=False)
        is_done = False
        with self._only_this_vehicle(state):
            judged = judge_whole_past(
                past, state.profile, known[state.vin], first_at=now if state.is_first else None
            )
            self._writer.apply(self._states, {state.vin: judged}, known, now)
            is_done = True
        if not is_done:
            # Its past is still to be judged: the episodes in it must not become messages later.
            state.whole_due = now + SOON
            return True
        state.whole_at, state.oldest = now, past.oldest
        state.whole_due = now + DAILY
        self._save([state], now)
        self._metrics.judged("whole", 1)
        return True

    def save_all(self, now: datetime) -> None:
        """Write how far all vehicles are judged, at the end of the worker."""
        for some in _batched(list(self._states.values()), _VEHICLES_AT_ONCE):
            self._save(some, now)

    @contextmanager
    def _only_this_vehicle(self, state: VehicleState) -> Iterator[None]:
        """Let an error of a rule, which no reading should cause, end the judgement of one vehicle only."""
        try:
            yield
        except (SQLAlchemyError, psycopg.Error, ClaimLostError):
            raise
        except Exception:
            log.exception("%s can't be judged; it is tried again later.", state.vin)

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection[Any]]:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            driver: Any = connection.connection.driver_connection
            yield driver

    def _is_changed(self, seen: Seen) -> bool:
        state = self._states.get(seen.vin)
        return state is None or state.version != seen.version

    def _forget_released(self) -> None:
        held = self._shares.held
        self._states = {vin: state for vin, state in self._states.items() if share_of(vin) in held}

    def _read_profiles(self, database: psycopg.Connection[Any], now: datetime) -> None:
        if self._profiles_at is not None and now - self._profiles_at < _PROFILES_EVERY:
            return
        self._profiles = memory.load_profiles(database)
        self._profiles_at = now
        for vin, state in self._states.items():
            profile = self._profiles.get(vin, _NO_PROFILE)
            if profile != state.profile:
                state.profile = profile
                state.want_whole(now, timedelta(0))

    def _judge(self, database: psycopg.Connection[Any], seen: Sequence[Seen], now: datetime) -> float | None:
        """Judge these vehicles; return the arrival of the oldest reading that is new, seconds since 1970."""
        self._load([each for each in seen if each.vin not in self._states], database, now)
        states = [self._states[each.vin] for each in seen]
        checked = self._check(database, seen, now)
        from_ts = [
            checked[each.vin].watched.boundary if each.vin in checked else watched_of(state).boundary
            for each, state in zip(seen, states, strict=True)
        ]
        readings = read_since(database, [each.vin for each in seen], from_ts)
        found = suspects(readings, [state.profile for state in states])
        begins: dict[str, datetime] = {}
        for place, (one, state) in enumerate(zip(seen, states, strict=True)):
            late_from = checked[one.vin].late_from if one.vin in checked else None
            want_whole(state, found, place, late_from, now)
            begin = begin_of_changes(state, one, late_from, is_suspect=bool(found.timely[place]))
            if begin is not None:
                begins[one.vin] = begin
        oldest = oldest_arrival(readings, [state.until for state in states])
        for some in _batched(list(begins), _JUDGED_AT_ONCE):
            self._judge_last_hours(database, {vin: begins[vin] for vin in some}, now)
        for place, (one, state) in enumerate(zip(seen, states, strict=True)):
            if one.vin in checked:
                state.watched = checked[one.vin].watched
            advance(state, one, readings, place)
        save = [state for state in states if state.saved_at is None or now - state.saved_at > _SAVE_EVERY]
        self._save(save, now)
        self._metrics.judged("newest", len(seen))
        return oldest

    def _load(self, seen: Sequence[Seen], database: psycopg.Connection[Any], now: datetime) -> None:
        """Load the states of vehicles that this worker takes over."""
        if not seen:
            return
        vins = [each.vin for each in seen]
        with self._engine.connect() as connection:
            loaded = memory.load_states(connection, vins, now)
        oldest = memory.oldest_readings(database, vins)
        for vin, state in loaded.items():
            state.profile = self._profiles.get(vin, _NO_PROFILE)
            state.oldest = oldest.get(vin)
            # Without a fresh state nothing says what changed while no worker looked.
            state.want_whole(now, DAILY if state.watched is not None else AT_ONCE)
        self._states |= loaded

    def _check(
        self, database: psycopg.Connection[Any], seen: Sequence[Seen], now: datetime
    ) -> dict[str, Checked]:
        wanted: dict[str, Any] = {}
        for one in seen:
            state = self._states[one.vin]
            if state.watched is None:
                wanted[one.vin] = state.tail_from(one.newest)
            elif now - state.watched.checked_at >= late_data.CHECK_EVERY:
                wanted[one.vin] = state.watched
        return late_data.check(database, wanted, now) if wanted else {}

    def _judge_last_hours(
        self, database: psycopg.Connection[Any], begins: dict[str, datetime], now: datetime
    ) -> None:
        vins = list(begins)
        states = [self._states[vin] for vin in vins]
        from_ts = [begins[state.vin] - state.lookback for state in states]
        readings = read_since(database, vins, from_ts)
        with self._engine.connect() as connection:
            known = touching_episodes(connection, vins, min(from_ts), lock=False)
        judged = {}
        for place, state in enumerate(states):
            with self._only_this_vehicle(state):
                one = judge_last_hours(
                    readings.of(place),
                    state.profile,
                    state.oldest or from_ts[place],
                    state.lookback,
                    known[state.vin],
                    takes_cut=state.is_first,
                )
                if one is not None:
                    judged[state.vin] = one
        self._writer.apply(self._states, judged, known, now)
        self._metrics.judged("last_hours", len(judged))
        self._beat()

    def _keep_silence(self, seen: Iterable[Seen], now: datetime) -> None:
        changes = silence_changes(seen, self._states, self._silent_after, now)
        for some in _batched(changes, _VEHICLES_AT_ONCE):
            self._writer.write(self._states, some, now)

    def _save(self, states: Sequence[VehicleState], now: datetime) -> None:
        if not states:
            return
        with self._engine.begin() as connection:
            self._shares.require(connection, {state.vin for state in states})
            memory.save_states(connection, states, now)
        for state in states:
            state.saved_at = now


_NO_PROFILE = Profile()


def _batched(items: Sequence[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of at most `size`."""
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some
