"""A parsed TOML table becomes a settings dataclass; an unknown key, or a value of another type, is an error."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from facerec.errors import InvalidInput, MissingPart

Settings = TypeVar("Settings")

KINDS: dict[type, str] = {str: "text", bool: "true or false", int: "a whole number", float: "a finite number"}


def read_toml(path: Path) -> dict[str, Any]:
    """The table of a settings file. Raises MissingPart where it cannot be read, InvalidInput where it is not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise MissingPart(f"no training settings in {str(path)!r}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{str(path)!r} is not TOML: {error}") from error


def from_table(settings: type[Settings], table: Mapping[str, Any], prefix: str = "") -> Settings:
    """Build a settings dataclass from a table; a missing key keeps its default, a nested table is a nested dataclass.

    Raises InvalidInput for a key that the dataclass lacks and for a value of another type than its field's.
    """
    kinds = get_type_hints(settings)
    unknown = sorted(f"{prefix}{key}" for key in table.keys() - kinds.keys())
    if unknown:
        raise InvalidInput(f"unknown settings: {', '.join(unknown)}; known: {', '.join(kinds)}")
    return settings(**{key: converted(value, kinds[key], f"{prefix}{key}") for key, value in table.items()})


def converted(value: object, kind: Any, name: str) -> Any:
    """One value as its field's type wants it: a number as float, an array as a tuple, a table as a dataclass."""
    if get_origin(kind) is tuple:
        return as_tuple(value, get_args(kind), name)
    if isinstance(kind, type) and is_dataclass(kind):
        if not isinstance(value, dict):
            raise InvalidInput(f"{name} must be a table, not {value!r}")
        return from_table(kind, value, f"{name}.")
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
        raise InvalidInput(f"{name} must be {KINDS[kind]}, not {value!r}")
    return value


def as_tuple(value: object, kinds: tuple[Any, ...], name: str) -> tuple[Any, ...]:
    """An array whose items have the given types; `kinds` ends with ... where any number of the first one may come."""
    if not isinstance(value, list):
        raise InvalidInput(f"{name} must be an array, not {value!r}")
    wanted = kinds[:1] * len(value) if kinds[-1] is ... else kinds
    if len(value) != len(wanted):
        raise InvalidInput(f"{name} must have {len(wanted)} items, not {value!r}")
    return tuple(converted(value[at], wanted[at], f"{name}[{at}]") for at in range(len(value)))
