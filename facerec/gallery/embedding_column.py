"""How an embedding lies in a table: 512 bytes in SQLite, and in PostgreSQL a `vector(128)` that the server can compare.

Both keep every bit. pgvector's own type for Python speaks decimal numbers, which take longer to read than to search, so
what the server sends in its binary form is decoded here: two bytes dimension, two unused, then big-endian float32.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import ColumnElement, Dialect, FunctionElement, LargeBinary
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from facerec.records import DIM

PREFIX = 4
"""Bytes before the numbers in the server's binary form."""


class Vector(UserDefinedType[Any]):
    """The type `vector` of pgvector."""

    cache_ok = True

    def __init__(self, dim: int = DIM):
        self.dim = dim

    def get_col_spec(self, **_: Any) -> str:
        return f"vector({self.dim})"


class sent(FunctionElement[bytes]):
    """A column's bytes, as the database sends them."""

    inherit_cache = True
    name = "sent"


@compiles(sent)
def _as_it_is(element: sent, compiler: SQLCompiler, **options: Any) -> str:
    return compiler.process(element.clauses, **options)


@compiles(sent, "postgresql")
def _in_binary(element: sent, compiler: SQLCompiler, **options: Any) -> str:
    return f"vector_send({compiler.process(element.clauses, **options)})"


class EmbeddingBytes(TypeDecorator[bytes]):
    """128 little-endian float32 in Python, whatever the database makes of them."""

    impl = LargeBinary
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Vector() if dialect.name == "postgresql" else LargeBinary())

    def column_expression(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        expression = sent(column)
        expression.type = self
        return expression

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> Any:
        return as_vector(value) if value is not None and dialect.name == "postgresql" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> bytes | None:
        if isinstance(value, str):  # SQLite keeps whatever it was given: left out and counted by whoever reads
            return value.encode()
        if value is None or dialect.name != "postgresql":
            return None if value is None else bytes(value)
        return np.frombuffer(value, ">f4", offset=PREFIX).astype("<f4").tobytes()


def as_vector(content: bytes) -> str:
    """512 bytes -> the words that PostgreSQL reads a vector from; each number in as many digits as tell it from others.

    >>> as_vector(np.array([1, -0.1], "<f4").tobytes())
    '[1.0,-0.1]'
    """
    return f"[{','.join(map(str, np.frombuffer(content, '<f4').astype(np.float32)))}]"
