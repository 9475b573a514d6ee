"""Code of both the worker and the API: the wire format, storage, diagnostics, settings and metrics."""
