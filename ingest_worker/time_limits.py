"""The worker's time limits, in seconds, and how they add up.

A statement: the server cancels it after STATEMENT_TIMEOUT_S; where the server does not even answer, the
worker cuts the connection after DEADLINE_S. During that wait the thread that waits reports itself ten times a
second, so LIVE_S, after which the thread counts as dead, may be shorter than both.

A connection to the database has shared.storage.engine.CONNECT_TIMEOUT_S, a lock LOCK_TIMEOUT_MS: each is less
than STATEMENT_TIMEOUT_S, so that the error names the lock.

An unanswered connection to the broker ends after BROKER_CONNECT_TIMEOUT_S; a silent one after 1.5 times
KEEPALIVE_S, by which both ends must have spoken.

A stop: what is at hand is stored, and the process ends after STOP_S at the latest, before a container's
default of 10 s. Messages that were not stored come again.
"""

STATEMENT_TIMEOUT_S = 30.0
"""Time after which the server cancels a statement."""

DEADLINE_S = 45.0
"""Time without an answer after which the connection is cut; a live server reports its own timeout first."""

LIVE_S = 30.0
"""Age of the last report of a thread that works from which on /live answers 503."""

BROKER_CONNECT_TIMEOUT_S = 5.0
"""Time for a connection to the broker, TLS included."""

KEEPALIVE_S = 30
"""Time without a packet after which the worker sends a ping to the broker."""

STOP_S = 9.0
"""Time from a signal until the end of the process."""
