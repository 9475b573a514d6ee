"""Commands a person runs."""
