"""SQL only: one function per question."""
