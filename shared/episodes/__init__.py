"""Episodes of the whole fleet as the alert worker keeps them, and the outbox of messages about them."""
