"""The wire format: readings, statuses, topics, times, and their refusal."""
