"""The receiver of messages, and the error of a message that it did not take."""

from typing import Any, Protocol

Message = dict[str, Any]
"""A message as JSON: id, event, episode, vehicle, at."""


class DeliveryError(Exception):
    """A receiver did not take a message. The sentence names no path, key or password of its address."""


class Target(Protocol):
    """A receiver of one address in a route."""

    label: str
    """The address without its secrets, for logs and lists."""
    is_limited: bool
    """True for a receiver that people read: the route's limit of messages a minute holds for it."""

    def send(self, message: Message) -> None:
        """Hand over one message. Raises DeliveryError."""

    def close(self) -> None:
        """End what is open."""
