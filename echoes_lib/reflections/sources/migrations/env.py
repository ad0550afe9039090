"""Run by Alembic: change the tables over the connection that `migrate.upgrade` hands in."""

from alembic import context

from echoes_lib.reflections.sources.schema import VERSION_TABLE, Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    version_table=VERSION_TABLE,
    render_as_batch=True,  # SQLite changes a column by copying its table
    transactional_ddl=True,  # all or nothing, on SQLite too: `upgrade` holds the transaction
)
with context.begin_transaction():
    context.run_migrations()
