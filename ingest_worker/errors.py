"""What ends the worker. Each message is the line that the operator reads."""


class FatalError(Exception):
    """The worker can't go on; the process ends with a non-zero code."""


class DeafWorkerError(FatalError):
    """The network thread has died: the process would live on and hear nothing."""


class SubscriptionRefusedError(FatalError):
    """The broker refused the subscription."""
