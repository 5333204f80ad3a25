"""The names of ImageNet's 1,000 classes, as torchvision prints them."""

from __future__ import annotations

import ast
import functools
import importlib.util
from pathlib import Path

from facerec.errors import MissingPart

LIST = "_IMAGENET_CATEGORIES"
CLASSES = 1000


@functools.cache
def class_names() -> tuple[str, ...]:
    """The names by class number, 0 to 999.

    They are read from the text of torchvision's installed package, which is not imported: beside a torch of another
    build it cannot be. Raises MissingPart where it is not installed or holds no such list.
    """
    spec = importlib.util.find_spec("torchvision")
    path = Path(str(spec.origin)).parent / "models" / "_meta.py" if spec and spec.origin else None
    if path is None or not path.is_file():
        raise MissingPart("the names of ImageNet's classes are read from torchvision: install torchvision")
    names = names_in(path.read_text(encoding="utf-8"))
    if len(names) != CLASSES:
        raise MissingPart(f"{path} lists no {CLASSES} names of classes: install torchvision 0.13 or later")
    return names


def names_in(source: str) -> tuple[str, ...]:
    """The list in a module's text; empty where there is none.

    >>> names_in("_IMAGENET_CATEGORIES = ['tench', 'goldfish']")
    ('tench', 'goldfish')
    """
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == LIST for target in node.targets):
            return tuple(map(str, ast.literal_eval(node.value)))
    return ()
