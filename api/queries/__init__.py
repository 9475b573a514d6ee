"""SQL only: one function per query."""
