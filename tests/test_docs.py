"""The pages say what the code does: links lead somewhere, every code and command is described."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from facerec import errors
from facerec.cli.gallery import gallery
from facerec.cli.main import COMMANDS

ROOT = Path(__file__).parent.parent
PAGES = sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").rglob("*.md"))
CODES = {kind.code for kind in vars(errors).values() if isinstance(kind, type) and hasattr(kind, "code")} - {"error"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text())
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


def test_every_error_code_is_described() -> None:
    assert (
        CODES and [code for code in sorted(CODES) if f"`{code}`" not in (ROOT / "docs" / "json.md").read_text()] == []
    )


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name for name in COMMANDS if f"facerec {name}" not in readme] == []


def test_every_command_for_galleries_is_in_the_readme() -> None:
    table = (ROOT / "README.md").read_text().partition("| `facerec gallery ...` |")[2].partition("\n\n")[0]
    assert sorted(re.findall("`([a-z-]+)`", table)) == sorted(gallery.commands)


def test_every_script_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    files = [path for path in (ROOT / "scripts").iterdir() if path.is_file()]
    scripts = [path.name for path in files if not path.suffix and path.name != "environment"]
    assert [name for name in scripts if f"scripts/{name}" not in readme] == []


def test_every_dependency_has_its_reason() -> None:
    import tomllib

    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    names = [re.split(r"[<>=\[]", requirement)[0] for requirement in declared]
    architecture = (ROOT / "docs" / "architecture.md").read_text()
    table = architecture.partition("## Dependencies")[2]
    assert [name for name in names if name not in table] == []
