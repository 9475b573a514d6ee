"""Storage in PostgreSQL: connections, tables, and the statements that both processes run."""
