"""docs/evaluation.md says what there is: commands, options, keys, and lists that can be read."""

from __future__ import annotations

import re
from pathlib import Path

import click
import numpy as np
import pytest

from facerec.cli.evaluate import evaluate
from facerec.evaluation.labels import read_labels
from facerec.evaluation.pairs import read_any_pairs
from facerec.evaluation.search_errors import measure_identification
from facerec.evaluation.verification import measure
from tests.evaluation.conftest import crowd
from tests.evaluation.test_verification import comparisons

PAGE = (Path(__file__).parents[2] / "docs" / "evaluation.md").read_text(encoding="utf-8")


def test_every_command_and_option_is_described() -> None:
    assert [name for name in evaluate.commands if f"facerec evaluate {name}" not in PAGE] == []
    options = {option for command in evaluate.commands.values() for parameter in command.params
               if isinstance(parameter, click.Option) for option in parameter.opts}  # fmt: skip
    assert [option for option in sorted(options - {"-h", "--help"}) if f"`{option}" not in PAGE] == []


def test_every_key_is_described() -> None:
    pairs = measure(comparisons([True, False], [0.9, 0.1], [True, True]), rng=np.random.default_rng(0)).as_dict()
    searches = measure_identification(crowd(1), rng=np.random.default_rng(0)).as_dict()
    assert [key for key in {**pairs, **searches, **pairs["fta"]} if f"`{key}`" not in PAGE] == ["interval_level"]


@pytest.mark.parametrize("block", re.findall(r"```csv\n(.*?)```", PAGE, re.DOTALL))
def test_the_examples_can_be_read(tmp_path: Path, block: str) -> None:
    (tmp_path / "example.csv").write_text(block)
    if block.startswith("a,b"):
        assert len(read_any_pairs(tmp_path / "example.csv")) == 2
    else:
        assert list(read_labels(tmp_path / "example.csv").columns) == ["age", "light"]
