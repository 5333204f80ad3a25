"""What an evaluation takes from the chain under test, and what it does not."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from facerec.errors import InvalidInput, MissingPart
from facerec.evaluation.embedding import embed_pictures
from facerec.records import DIM
from tests.evaluation.conftest import MakePeople, read_embeddings


def test_batches_come_back_in_order_and_progress_is_told(tmp_path: Path, make_people: MakePeople) -> None:
    pictures = sorted(make_people(tmp_path, [3, 4]).rglob("*.jpg"))
    pictures[2].write_bytes(b"")
    told: list[tuple[int, int]] = []
    embedded = embed_pictures(pictures, read_embeddings, lambda done, total: told.append((done, total)), batch=3)
    assert told == [(3, 7), (6, 7), (7, 7)]
    assert embedded.failures == 1 and not embedded.found[2] and not embedded.rows[2].any()
    for row in (0, 1, 3, 4, 5, 6):
        assert embedded.rows[row].tobytes() == pictures[row].read_bytes()


def test_a_file_that_is_not_there_is_no_failure_to_detect(tmp_path: Path) -> None:
    with pytest.raises(MissingPart, match="1 of 1 pictures"):
        embed_pictures([tmp_path / "gone.jpg"], read_embeddings)


@pytest.mark.parametrize(
    "rows, found",
    [
        (np.zeros((2, DIM), np.float32), np.ones(2, bool)),  # no unit rows
        (np.zeros((1, DIM), np.float32), np.zeros(2, bool)),  # a row is missing
        (np.zeros((2, DIM), np.float64), np.zeros(2, bool)),  # another dtype
        (np.zeros((2, DIM), np.float32), np.zeros(2, np.int64)),  # no mask
        (np.full((2, DIM), np.nan, np.float32), np.array([False, True])),  # NaN for a face
    ],
)
def test_an_answer_that_breaks_the_promise_is_refused(tmp_path: Path, rows: np.ndarray, found: np.ndarray) -> None:
    pictures = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    for picture in pictures:
        picture.touch()

    def broken(_: Sequence[Path], /) -> tuple[np.ndarray, np.ndarray]:
        return rows, found

    with pytest.raises(InvalidInput):
        embed_pictures(pictures, broken)
