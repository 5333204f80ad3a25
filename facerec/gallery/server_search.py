"""Searching in the database itself, where it is PostgreSQL: nothing is held here, and nothing must be kept in step.

Exact search compares every template of the encoder; the approximate one goes by the HNSW index over
`template.embedding` (Malkov and Yashunin, 2018), which pgvector keeps with every write. Each template counts by itself:
a subject is as alike as its most alike template, for their mean (`--templates fused`) does not lie in the database.
"""

from __future__ import annotations

import numpy as np
from sqlalchemy import Connection, Float, Select, bindparam, cast, func, select

from facerec.errors import InvalidInput
from facerec.gallery import reads
from facerec.gallery.codec import to_bytes
from facerec.gallery.elsewhere import SEARCH_HERE
from facerec.gallery.embedding_column import Vector, as_vector
from facerec.gallery.index import require_search
from facerec.gallery.tables import TemplateRow
from facerec.records import Candidates, Float32

BREADTH = 200
"""Candidates that HNSW follows at a time (`ef_search`), and at least four times as many as are asked for: figures in
docs/results/servers.md."""

MOST_BREADTH = 1000
"""pgvector's own limit."""


def search_templates(connection: Connection, encoder: str, probes: Float32, k: int, exact: bool = True) -> Candidates:
    """The k best templates per probe, as `Index.search`: (Q, 128) -> (Q, min(k, N)), best first.

    Exact: ties go to the lower id. Approximate: fewer than k where HNSW ends early, the rest being id 0 at -1.
    Raises InvalidInput for a gallery that is not on PostgreSQL, or is encrypted: the server cannot compare then.
    """
    require_search(probes, k)
    prepare(connection, k, exact)
    query = nearest(encoder, exact).limit(k)
    answers = [connection.execute(query, {"probe": as_vector(to_bytes(probe))}).all() for probe in probes]
    widest = max((len(answer) for answer in answers), default=0)
    ids, alike = np.zeros((len(probes), widest), np.int64), np.full((len(probes), widest), -1, np.float32)
    for row, found in enumerate(answers):
        ids[row, : len(found)] = [one.id for one in found]
        alike[row, : len(found)] = [-one.distance for one in found]
    return Candidates(ids, np.clip(alike, -1, 1))


def prepare(connection: Connection, k: int, exact: bool) -> None:
    if connection.dialect.name != "postgresql":
        raise InvalidInput(f"only a gallery on PostgreSQL is searched by its server: {SEARCH_HERE}")
    if reads.key_id(connection):
        raise InvalidInput(f"the server cannot search encrypted templates: {SEARCH_HERE}")
    local = {"enable_indexscan": "off"} if exact else {
        "hnsw.ef_search": str(min(MOST_BREADTH, max(BREADTH, 4 * k))), "hnsw.iterative_scan": "strict_order",
        "enable_seqscan": "off", "enable_sort": "off",
    }  # fmt: skip
    connection.execute(select(*(func.set_config(name, value, True) for name, value in local.items())))


def nearest(encoder: str, exact: bool) -> Select[int, float]:
    probe = cast(bindparam("probe"), Vector())
    distance = TemplateRow.embedding.op("<#>", return_type=Float())(probe)
    order = (distance, TemplateRow.id) if exact else (distance,)
    return select(TemplateRow.id, distance.label("distance")).where(TemplateRow.encoder == encoder).order_by(*order)
