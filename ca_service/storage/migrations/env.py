"""The entry point for Alembic: runs the migrations on the given connection, in its transaction."""

from alembic import context

from ca_service.storage.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
if context.get_bind().dialect.name == "postgresql":
    context.execute("SET LOCAL statement_timeout = 0")  # a large table takes long
context.run_migrations()
