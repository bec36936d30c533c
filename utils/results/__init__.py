"""What an evaluation leaves: rows, statistics, tables and the report page."""
