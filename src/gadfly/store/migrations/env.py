"""Runs migrations on the connection that the store hands over; there is no other way in."""

from alembic import context

from gadfly.store import site_tables  # noqa: F401  its tables join the metadata
from gadfly.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
