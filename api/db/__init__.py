"""Connections to the database: pools, limits, the heartbeat; no query of the domain."""
