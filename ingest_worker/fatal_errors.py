"""Errors that end the worker. Each message is a line for the operator."""


class FatalError(Exception):
    """The worker can't go on; the process ends with exit code 1."""


class DeafWorkerError(FatalError):
    """The network thread has died: the process would go on without receiving any message."""


class ClientIdTakenError(FatalError):
    """Another client connects with this worker's client id: the broker lets only one of them stay."""


class SubscriptionRefusedError(FatalError):
    """The broker refused the subscription."""
