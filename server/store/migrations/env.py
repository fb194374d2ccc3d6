"""Alembic environment: runs the migrations on the connection that ``migrate.migrate`` passes in."""

from alembic import context

from server.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
