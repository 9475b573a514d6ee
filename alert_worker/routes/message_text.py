"""The text of a message for people: a title of one line, and a few sentences."""

from datetime import datetime

from alert_worker.routes.target import Message

_EVENTS = {
    "opened": "",
    "worse": "worse: ",
    "repeated": "still open: ",
    "acknowledged": "acknowledged: ",
    "closed": "over: ",
    "withdrawn": "withdrawn: ",
    "test": "test: ",
}


def title_of(message: Message) -> str:
    """Return the title, such as `critical TEMP_HIGH, Van 7 (VIN-00007)`."""
    if message["event"] == "digest":
        return f"{message['count']} more messages about episodes"
    episode = message["episode"]
    return (
        f"{_EVENTS[message['event']]}{episode['severity']} {episode['code']}, {_vehicle(message['vehicle'])}"
    )


def body_of(message: Message) -> str:
    """Return the sentences below the title."""
    if message["event"] == "digest":
        return _digest(message)
    episode = message["episode"]
    lines = [episode.get("detail") or ""]
    if episode.get("peak") is not None:
        unit = f" {episode['unit']}" if episode.get("unit") else ""
        limit = "" if episode.get("threshold") is None else f" (limit {episode['threshold']:g}{unit})"
        lines.append(f"Peak {episode['peak']:g}{unit}{limit}.")
    lines.append(_when(episode))
    if message["event"] == "acknowledged":
        lines.append(f"Acknowledged by {episode['acknowledged_by']}.")
    if message["event"] == "withdrawn":
        lines.append("Readings that arrived late have disproved the episode.")
    return "\n".join(line for line in lines if line)


def _vehicle(vehicle: dict[str, str | None]) -> str:
    name = vehicle.get("name")
    return f"{name} ({vehicle['vin']})" if name else str(vehicle["vin"])


def _when(episode: dict[str, str | None]) -> str:
    begin = _moment(episode["started_at"])
    if episode.get("ended_at"):
        return f"From {begin} to {_moment(episode['ended_at'])}."
    return f"Since {begin}."


def _moment(text: str | None) -> str:
    """Return a time of ours to the second, in UTC."""
    if text is None:
        return "an unknown time"
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"


def _digest(message: Message) -> str:
    counts = ", ".join(
        f"{each['count']} {each['severity']} {each['code']} {each['event']}" for each in message["groups"]
    )
    return f"Held back by the limit of {message['per_minute']} messages a minute: {counts}."
