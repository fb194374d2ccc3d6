"""Tables, migrations and queries. Knows nothing but its tables."""
