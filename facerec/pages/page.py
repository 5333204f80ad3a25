"""A template of this package and its values -> one HTML file, every value escaped."""

from __future__ import annotations

import base64
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

TEMPLATES = Environment(
    loader=PackageLoader("facerec.pages", "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip


def render(template: str, **values: Any) -> str:
    """The page; a value that the template names and nobody gave is an error, and text from outside is escaped.

    >>> "&lt;b&gt;" in render("plain.html", title="<b>", body="")
    True
    """
    return TEMPLATES.get_template(template).render(**values)


def picture(content: bytes, kind: str = "png") -> str:
    """The bytes of a picture file as an address that a page can hold: `data:image/png;base64,...`.

    >>> picture(b"\\x89PNG")
    'data:image/png;base64,iVBORw=='
    """
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
