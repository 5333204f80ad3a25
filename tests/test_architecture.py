"""The house, guarded: which way imports may run, and which library may live where."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent / "facerec"
FLOORS = [
    "errors version failpoint",
    "records digest replacing",
    "settings images videos geometry runtime cache plots pages",
    "cnn metrics nearest",
    "learning",
    "detection segmentation style faces gallery",
    "calibration recognition evaluation health finding",
    "training thresholds classification curation",
    "cli server",
]
LEVEL = {name: level for level, names in enumerate(FLOORS) for name in names.split()}
HOME = {
    "torch": "cnn learning detection segmentation style faces training classification nearest",
    "PIL": "images",
    "onnxruntime": "runtime",
    "sqlalchemy": "gallery",
    "alembic": "gallery",
    "faiss": "gallery learning",
    "pymilvus": "gallery",
    "cryptography": "gallery",
    "click": "cli",
    "rich": "cli",
    "matplotlib": "plots",
    "jinja2": "pages",
    "ray": "recognition",
}
FORBIDDEN_CALLS = {"eval", "exec", "read_index", "deserialize_index"}
WHOLE_BEFORE = ("factory_index.py", "read_index")
"""Where faiss reads what lies in a file: bytes of which `kept_index.read_kept` has compared the SHA-256."""
FORBIDDEN_MODULES = {"pickle", "marshal", "shelve"}


def imports(file: Path) -> Iterator[str]:
    """Every module name that a file imports, also inside functions; a relative one starts with a dot."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module}.{alias.name}" for alias in node.names)


def violations(root: Path) -> Iterator[str]:
    """Imports that go up or sideways, relative imports, and libraries outside their home."""
    for file in sorted(root.rglob("*.py")):
        here = file.relative_to(root).with_suffix("").parts[0]
        if here.startswith("__"):
            continue  # __init__ and __main__ stand above the floors
        for name in imports(file):
            top, _, rest = name.partition(".")
            there = rest.split(".")[0]
            upward = top == root.name and there != here and LEVEL.get(there, 99) >= LEVEL[here]
            astray = top in HOME and here not in HOME[top].split()
            if upward or astray or not top:
                yield f"{file.relative_to(root)} may not import {name}"


def test_imports_only_go_down() -> None:
    assert list(violations(ROOT)) == []


def test_the_guard_itself_sees_an_upward_import(tmp_path: Path) -> None:
    package = tmp_path / "facerec"
    (package / "gallery").mkdir(parents=True)
    (package / "gallery" / "a.py").write_text("from facerec.cli import main\nimport PIL.Image\nfrom . import b\n")
    assert len(list(violations(package))) == 3


def test_nothing_runs_or_unpickles_what_a_user_gave() -> None:
    found = []
    for file in sorted(ROOT.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                may = (name == "eval" and isinstance(node.func, ast.Attribute)) or (file.name, name) == WHOLE_BEFORE
                if name in FORBIDDEN_CALLS and not may:
                    found.append(f"{file.name}:{node.lineno} calls {name}")
        found += [f"{file.name} imports {m}" for m in imports(file) if m.split(".")[0] in FORBIDDEN_MODULES]
    assert found == []
