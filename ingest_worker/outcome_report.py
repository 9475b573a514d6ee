"""The outcome of batches that have committed, as metrics and log lines."""

import logging
import time

from ingest_worker.batch import BatchContents
from ingest_worker.metrics import WorkerMetrics
from ingest_worker.rejection_alarm import RejectionAlarm
from ingest_worker.write_batch import BatchOutcome

log = logging.getLogger("ingest_worker")


class OutcomeReport:
    """Counts readings by outcome, and logs rejections."""

    def __init__(self, metrics: WorkerMetrics) -> None:
        self._metrics = metrics
        self._rejection_alarm = RejectionAlarm(time.monotonic)

    def add(self, contents: BatchContents, outcome: BatchOutcome, seconds: float) -> None:
        """Report a batch; `seconds` is the time that its commit took."""
        metrics, readings = self._metrics, contents.readings
        metrics.tally.settle(
            readings,
            stored=outcome.stored,
            duplicate=len(outcome.duplicates),
            rejected=outcome.rejected,
        )
        metrics.batch_readings.observe(readings)
        metrics.commit_seconds.observe(seconds)
        metrics.lag.add(contents.rows)
        metrics.count_statuses(contents.statuses)
        if outcome.rejected:
            log.warning(
                "Readings that could not be stored: %d. `python -m ingest_worker.rejections list` says why.",
                outcome.rejected.total(),
            )
        if alarm := self._rejection_alarm.add(readings, outcome.rejected):
            log.error(
                "MOST READINGS ARE REJECTED: %s. After a change of this service or of the vehicles' software:"
                " undo it, or repair it and `python -m ingest_worker.rejections replay --all`.",
                alarm,
            )
