"""Alerts of the whole fleet in pages, sorted as arrays: the event loop is held for the page alone."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from api.queries.alert_suspects import Suspects
from shared.alert_thresholds import AlertThresholds
from shared.diagnostics.alerts import ALERT_SIGNALS, AlertCode, Severity, alert_ranks, alerts

Key = tuple[int, str, AlertCode]
"""Place of an alert in the list: place of its severity, VIN, code."""

WORST_FIRST = [*reversed(Severity)]
_CODES = sorted(AlertCode)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class FleetAlerts:
    """The alerts of these vehicles, the worst first, then by VIN and code."""

    def __init__(
        self,
        suspects: Suspects,
        thresholds: AlertThresholds,
        *,
        codes: Sequence[AlertCode],
        min_severity: Severity,
    ) -> None:
        """Sort the alerts of these codes, from this severity up."""
        self._suspects = suspects
        self._thresholds = thresholds
        ranks = alert_ranks(suspects.signals, thresholds)
        # A column for each code, so that an alert's place in the table is that of its VIN and code.
        table = np.stack([ranks[code] * (code in codes) for code in _CODES], axis=1)
        place, code = np.nonzero(table > len(Severity) - 1 - WORST_FIRST.index(min_severity))
        severity = len(WORST_FIRST) - table[place, code]
        self._places = np.sort(self._place(severity, place, code))

    def page(self, after: Key | None, size: int) -> tuple[list[dict[str, Any]], Key | None]:
        """Return `size` alerts behind the key `after`, and the key of the last one where more follow."""
        begin = 0 if after is None else int(np.searchsorted(self._places, self._behind(after)))
        found = list(self._alerts(self._places[begin : begin + size].tolist()))
        if begin + size >= len(self._places):
            return found, None
        last = found[-1]
        return found, (WORST_FIRST.index(last["severity"]), last["vin"], last["code"])

    def _place(self, severity: Any, vehicle: Any, code: Any) -> Any:
        """Return the number of an alert in the order of all; of arrays, or of single numbers."""
        # One more than the vehicles: a key may lie behind the last one.
        return (severity * (len(self._suspects.vins) + 1) + vehicle) * len(_CODES) + code

    def _behind(self, key: Key) -> int:
        """Return the first number behind a key, whose vehicle may have no alert any more."""
        severity, vin, code = key
        vins = self._suspects.vins
        vehicle = bisect_left(vins, vin)
        is_there = vehicle < len(vins) and vins[vehicle] == vin
        first: int = self._place(severity, vehicle, _CODES.index(code) + 1 if is_there else 0)
        return first

    def _alerts(self, places: Sequence[int]) -> Iterator[dict[str, Any]]:
        for place in places:
            of_vehicle, code = divmod(place, len(_CODES))
            vehicle = of_vehicle % (len(self._suspects.vins) + 1)
            values = {name: self._suspects.signals[name][vehicle].item() for name in ALERT_SIGNALS}
            judged = {name: None if np.isnan(value) else value for name, value in values.items()}
            alert = next(each for each in alerts(judged, self._thresholds) if each.code == _CODES[code])
            ts = _EPOCH + timedelta(microseconds=self._suspects.ts[vehicle].item())
            yield {"vin": self._suspects.vins[vehicle], "ts": ts, **alert._asdict()}
