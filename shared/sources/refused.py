"""The refusal of a message or reading, while it is decoded."""

from shared.wire.refusal import Reason


class RefusedError(Exception):
    """A message, or one reading of it, can't be stored."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
