"""The metrics of the alert worker."""

from shared.metric_definitions import Definition

VEHICLES = Definition("battery_alert_vehicles", "gauge", "Vehicles that this worker judges.")
SHARES = Definition("battery_alert_shares", "gauge", "Shares of the vehicles that this worker holds, of 64.")
OLDEST_UNJUDGED = Definition(
    "battery_alert_oldest_unjudged_seconds",
    "gauge",
    "Age of the oldest arrival of the last look when it was judged; 0 where there was none.",
)
LOOK_SECONDS = Definition("battery_alert_look_seconds", "gauge", "Time that the last look took.")
JUDGED = Definition(
    "battery_alert_judged",
    "counter",
    "Judgements of a vehicle: newest (looked through for a cause), last_hours, whole (all that rules need).",
    ("scope",),
)
WHOLE_DUE = Definition(
    "battery_alert_whole_due", "gauge", "Vehicles whose whole past is to be judged by now."
)
OPEN_EPISODES = Definition(
    "battery_alert_open_episodes",
    "gauge",
    "Open episodes of this worker's vehicles.",
    ("severity", "code"),
)
EVENTS = Definition(
    "battery_alert_events",
    "counter",
    "Changes of episodes that a message reports.",
    ("event",),
)
MESSAGES = Definition(
    "battery_alert_messages", "counter", "Attempts to send a message: sent or failed.", ("route", "outcome")
)
MESSAGES_PENDING = Definition(
    "battery_alert_messages_pending",
    "gauge",
    "Messages that wait to be sent, by the process that sends; 0 by the others.",
    ("route",),
)
MESSAGES_GIVEN_UP = Definition(
    "battery_alert_messages_given_up",
    "counter",
    "Messages that no receiver took within a day, or whose receiver left the routes file.",
)
ALERT_DATABASE_ERRORS = Definition(
    "battery_alert_database_errors",
    "counter",
    "Errors of the database by class, as the ingest worker's.",
    ("fault",),
)
ALERT_READY = Definition("battery_alert_ready", "gauge", "1 where vehicles are judged, as /ready.")

ALERT_WORKER: tuple[Definition, ...] = (
    VEHICLES,
    SHARES,
    OLDEST_UNJUDGED,
    LOOK_SECONDS,
    JUDGED,
    WHOLE_DUE,
    OPEN_EPISODES,
    EVENTS,
    MESSAGES,
    MESSAGES_PENDING,
    MESSAGES_GIVEN_UP,
    ALERT_DATABASE_ERRORS,
    ALERT_READY,
)
