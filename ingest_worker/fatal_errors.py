"""What ends the worker. Each message is the line that the operator reads."""


class FatalError(Exception):
    """The worker can't go on; the process ends with a non-zero code."""


class DeafWorkerError(FatalError):
    """The network thread has died: the process would live on and hear nothing."""


class ClientIdTakenError(FatalError):
    """Another client connects with this worker's client id: the broker lets only one of them stay."""


class SubscriptionRefusedError(FatalError):
    """The broker refused the subscription."""
