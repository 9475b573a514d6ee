"""Start of the whole system on one machine without Docker; used by `scripts/demo.py` and the tests.

`Stack` is the whole system. Its parts work alone too: `Postgres`, `Broker`, `Api` (each a `Server` with a
port of its own) and `Module` (any `python -m ...`). All of them have `start`, `stop`, `kill`, `wait`,
`alive`, `pid` and `tail`, and none of them outlives the process that started it.
"""
