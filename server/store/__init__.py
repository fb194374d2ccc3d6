"""The database: tables, migrations and queries."""
