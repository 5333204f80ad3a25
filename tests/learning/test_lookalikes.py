"""Who is confused with whom: the search against a slow one, the groups it makes, and batches that come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facerec.errors import DamagedFile, InvalidInput
from facerec.learning.lookalikes import ConfusedBatches, lookalikes
from facerec.learning.samplers import confused, neighbourhoods, rows_by_subject
from facerec.records import Float32, Int64, unit


def people(subjects: int, seed: int, per_subject: int = 4) -> tuple[Float32, Int64]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(subjects), per_subject)
    centres = rng.normal(size=(subjects, 128))
    return unit(centres[labels] + 0.8 * rng.normal(size=(len(labels), 128))), labels


def slow_lookalikes(rows: Float32, subjects: Int64, kept: int) -> list[list[int]]:
    """Every crop of a subject against every crop of every other."""
    names = range(subjects.max() + 1)
    likeness = {
        (a, b): max(float(x @ y) for x in rows[subjects == a] for y in rows[subjects == b])
        for a in names for b in names if a != b
    }  # fmt: skip
    found = [sorted((b for b in names if b != a), key=lambda b, a=a: -likeness[a, b])[:kept] for a in names]
    return [own + [-1] * (kept - len(own)) for own in found]


@pytest.mark.parametrize("subjects, kept", [(12, 4), (5, 8), (2, 1)])
def test_the_search_agrees_with_the_slow_one_where_it_looks_at_everybody(subjects: int, kept: int) -> None:
    rows, labels = people(subjects, seed=subjects)
    order = np.random.default_rng(0).permutation(len(labels))
    found = lookalikes(rows[order], labels[order], kept, nearest=len(labels))
    assert found.tolist() == slow_lookalikes(rows, labels, kept)


def test_a_subject_whose_nearest_crops_are_all_its_own_resembles_nobody() -> None:
    rows, labels = people(6, seed=1)
    apart = unit(rows * 0.01 + np.eye(128)[labels])
    assert (lookalikes(apart, labels, 3, nearest=3) == -1).all()
    near = lookalikes(apart, labels, 3, nearest=5)
    assert (near[:, 0] >= 0).all() and all(k not in own for k, own in enumerate(near.tolist()))


def test_lookalikes_come_together_and_everybody_once() -> None:
    families = np.arange(40) // 8  # who resembles whom: the others of the family
    table = np.array([[k for k in range(40) if families[k] == families[who] and k != who] for who in range(40)])
    groups = list(neighbourhoods(table, 8, np.random.default_rng(0)))
    assert len(groups) == 5 and all(len(set(families[group])) == 1 for group in groups)
    assert sorted(who for group in groups for who in group) == list(range(40))
    assert groups != list(neighbourhoods(table, 8, np.random.default_rng(1)))


def test_groups_are_filled_by_chance_where_nobody_looks_alike() -> None:
    nobody = np.full((10, 3), -1)
    groups = list(neighbourhoods(nobody, 4, np.random.default_rng(2)))
    assert [len(group) for group in groups] == [4, 4] and len({who for group in groups for who in group}) == 8
    assert list(neighbourhoods(nobody[:3], 4, np.random.default_rng(0))) == []


def test_batches_hold_the_crops_of_a_group() -> None:
    labels = np.random.default_rng(3).permutation(np.repeat(np.arange(-1, 9), [5, 1, 2, 3, 4, 5, 6, 7, 8, 9]))
    rows = rows_by_subject(labels)
    assert [set(labels[own]) for own in rows] == [{k} for k in range(1, 9)]  # 0 has one crop, -1 is nobody
    table = np.array([[(k + 4) % 8] for k in range(8)])
    for batch in confused(labels, table, 2, 4, np.random.default_rng(4)):
        names, counts = np.unique(labels[batch], return_counts=True)
        assert counts.tolist() == [4, 4] and names[1] - names[0] == 4


class Searched:
    """Embeds by looking up, and counts how often all crops were looked at."""

    def __init__(self, rows: Float32):
        self.rows, self.seen = rows, 0

    def __call__(self, rows: Int64) -> Float32:
        self.seen += len(rows)
        return self.rows[rows]


def test_a_search_holds_for_some_epochs_and_comes_back_from_its_file(tmp_path: Path) -> None:
    rows, labels = people(12, seed=5)
    embed = Searched(rows)
    batches = ConfusedBatches(labels, 4, 2, seed=7, every=2, embed=embed, folder=tmp_path / "found")
    epochs = [np.stack(list(batches(epoch))) for epoch in range(4)]
    assert embed.seen == 2 * len(labels) and all(epoch.shape == (3, 8) for epoch in epochs)
    assert not np.array_equal(epochs[0], epochs[1])
    again = ConfusedBatches(labels, 4, 2, seed=7, every=2, embed=Searched(rows[::-1]), folder=tmp_path / "found")
    assert all(np.array_equal(np.stack(list(again(epoch))), epochs[epoch]) for epoch in range(4))
    (tmp_path / "found" / "0001.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DamagedFile, match=r"0001\.npy .* delete it"):
        list(again(3))


def test_too_few_subjects_are_refused(tmp_path: Path) -> None:
    rows, labels = people(3, seed=6)
    with pytest.raises(InvalidInput, match="4 subjects per batch, but only 3"):
        list(ConfusedBatches(labels, 4, 2, 0, 1, Searched(rows), tmp_path)(0))
