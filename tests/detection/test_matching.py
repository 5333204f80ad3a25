"""Which boxes answer for which object: by hand, and as a slow loop has it."""

import torch

from facerec.detection.matching import BETWEEN, NOTHING, hardest, match, sample


def test_boxes_take_their_best_object_or_the_background_or_neither() -> None:
    overlap = torch.tensor([[0.8, 0.1], [0.55, 0.2], [0.1, 0.2], [0.75, 0.9]])
    assert match(overlap, 0.7, 0.3).tolist() == [0, BETWEEN, NOTHING, 1]
    assert match(overlap[:, :0], 0.7, 0.3).tolist() == [NOTHING] * 4


def test_an_object_that_nothing_overlaps_well_has_its_best_box_all_the_same() -> None:
    overlap = torch.tensor([[0.2, 0.0], [0.4, 0.0], [0.0, 0.0]])
    assert match(overlap, 0.7, 0.3, each_object=True).tolist() == [NOTHING, 0, NOTHING]


def test_a_sample_holds_its_share_of_objects_and_no_box_between() -> None:
    taken = torch.tensor([0] * 30 + [NOTHING] * 100 + [BETWEEN] * 20)
    rows = sample(taken, 40, 0.25, torch.Generator().manual_seed(0))
    assert len(rows) == len(set(rows.tolist())) == 40
    assert (taken[rows] >= 0).sum() == 10 and (taken[rows] == BETWEEN).sum() == 0
    assert len(sample(taken[:5], 40, 0.25)) == 5  # no background at all: what there is


def test_the_hardest_backgrounds_are_the_worst_of_their_picture() -> None:
    torch.manual_seed(0)
    losses, taken = torch.rand(4, 50), torch.randint(-2, 20, (4, 50))
    taken[taken > 1] = NOTHING
    taken[3] = NOTHING
    kept = hardest(losses, taken, ratio=2.0)
    for row in range(4):
        wanted = 2 * int((taken[row] >= 0).sum())
        background = [i for i in range(50) if taken[row, i] == NOTHING]
        worst = sorted(background, key=lambda i: -losses[row, i].item())[:wanted]
        assert set(torch.nonzero(kept[row]).flatten().tolist()) == set(worst)
