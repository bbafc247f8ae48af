"""What Alembic runs: the migrations, on the connection and in the transaction that it is given."""

from alembic import context

from ca_service.storage.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
if context.get_bind().dialect.name == "postgresql":
    context.execute("SET LOCAL statement_timeout = 0")  # a large table takes its time
context.run_migrations()
