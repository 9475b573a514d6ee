"""What both doors must agree on: readings, topics, tables, settings, and the one way into the database."""
