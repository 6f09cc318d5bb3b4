"""Run migrations on the connection that the caller hands over (`app.store.migrate`)."""

from alembic import context

from app.store.database import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
