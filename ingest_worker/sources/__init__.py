"""Sources of a mapping file in the worker: values without a time are joined; captures and trials."""
