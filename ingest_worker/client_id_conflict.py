"""Two clients with one id: each connection ends the other one, over and over."""

CONTESTED_FROM = 2
"""Number of brief connections in a row from which another client is named as the probable cause."""

MOST_BRIEF_IN_A_ROW = 6
"""Number of brief connections in a row at which the worker ends."""


def contested(client_id: str, brief: int) -> str:
    """Return the reason for `brief` connections that ended within seconds, in words."""
    return (
        f"the broker has closed {brief} connections in a row within seconds: probably another client uses"
        f" the id {client_id}"
    )


def final(client_id: str, brief: int) -> str:
    """Return the sentences with which the worker ends."""
    return f"{sentence(contested(client_id, brief))} Give each worker an MQTT_CLIENT_ID of its own."


def sentence(words: str) -> str:
    """Return words as a sentence."""
    return f"{words[0].upper()}{words[1:]}."
