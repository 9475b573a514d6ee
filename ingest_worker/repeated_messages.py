"""Messages that come again and were stored before, by the packet ids of the worker's session."""

from collections.abc import Collection, Sequence

from ingest_worker.broker_session import BrokerSession
from ingest_worker.database_questions import DatabaseQuestions
from ingest_worker.delivery import Delivery
from ingest_worker.intake import Intake
from ingest_worker.stored_messages import find_stored
from shared.storage.keep_arrivals import forget_arrivals


class RepeatedMessages:
    """Finds the messages without a time that the present session has stored before."""

    def __init__(self, questions: DatabaseQuestions, broker: BrokerSession, intake: Intake) -> None:
        self._questions = questions
        self._broker = broker
        self._intake = intake
        self._session_epoch = 0

    def stored_among(self, deliveries: Sequence[Delivery]) -> Collection[Delivery]:
        """Return the deliveries of one read that were stored before. Raises StoppedError."""
        session_epoch = self._broker.connection.session_epoch
        is_new = self._session_epoch < session_epoch <= deliveries[0].epoch
        repeated = self._intake.repeated(deliveries)
        if not is_new and not repeated:
            return ()
        # The first copy may be at hand still. Once it is committed, the table knows every copy.
        self._intake.add_held()
        if is_new:
            self._questions.ask(forget_arrivals, self._broker.client_id)
            self._session_epoch = session_epoch
        return self._questions.ask(find_stored, self._broker.client_id, repeated) if repeated else ()
