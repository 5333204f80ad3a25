"""How alembic reaches a gallery: the one that facerec is opening, or `alembic -x gallery=PATH_OR_URL ...`."""

from __future__ import annotations

from pathlib import Path

from alembic import context

from facerec.gallery.connect import create_file, is_vacant, locate
from facerec.gallery.schema import VERSION_TABLE, migrating
from facerec.gallery.tables import Tables


def run() -> None:
    config = context.config
    place = config.attributes.get("place")
    if place is None:
        place = locate(context.get_x_argument(as_dictionary=True)["gallery"])
        if isinstance(place, Path) and is_vacant(place):
            create_file(place)
    with migrating(place) as connection:
        context.configure(
            connection=connection,
            target_metadata=Tables.metadata,
            version_table=VERSION_TABLE,
            render_as_batch=connection.dialect.name == "sqlite",
        )
        with context.begin_transaction():
            context.run_migrations()


run()
