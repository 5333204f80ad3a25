"""How alembic reaches a gallery: the one that facerec is opening, or `alembic -x gallery=PATH_OR_URL ...`."""

from __future__ import annotations

from pathlib import Path

from alembic import context
from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.base import ischema_names

from facerec.gallery.connect import create_file, engine_at, is_vacant, locate
from facerec.gallery.embedding_column import Vector
from facerec.gallery.schema import VERSION_TABLE, migrating
from facerec.gallery.tables import Tables

ischema_names["vector"] = Vector  # so that `alembic check` knows the type that it finds on a server


def run() -> None:
    config = context.config
    with migrating(config.attributes.get("engine") or engine_by_hand()) as connection:
        context.configure(
            connection=connection,
            target_metadata=Tables.metadata,
            version_table=VERSION_TABLE,
            render_as_batch=connection.dialect.name == "sqlite",
            include_name=is_of_every_gallery,
        )
        with context.begin_transaction():
            context.run_migrations()
        if then := config.attributes.get("then"):
            then(connection)


def is_of_every_gallery(name: str | None, kind: str, parents: object) -> bool:
    """Only servers have an index over embeddings, so the tables in Python do not name it."""
    return name != "ix_template_embedding"


def engine_by_hand() -> Engine:
    """Of the gallery that was named on the command line or in a test; made where there is none."""
    place = context.config.attributes.get("place")
    if place is None:
        place = locate(context.get_x_argument(as_dictionary=True)["gallery"])
    if isinstance(place, Path) and is_vacant(place):
        create_file(place)
    return engine_at(place, foreign_keys=False)


run()
