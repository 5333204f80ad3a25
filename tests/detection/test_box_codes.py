"""Boxes as tensors: they agree with the arrays' own overlap, and a code says where its box lies."""

import numpy as np
import torch

from facerec import geometry
from facerec.detection.box_codes import HEAD, clipped, decode, encode, overlaps


def boxes(count: int, seed: int) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    corner = torch.rand(count, 2, generator=draw) * 50
    return torch.cat([corner, corner + 1 + torch.rand(count, 2, generator=draw) * 40], dim=1)


def test_overlap_is_that_of_the_arrays() -> None:
    a, b = boxes(7, 0), boxes(5, 1)
    np.testing.assert_allclose(overlaps(a, b).numpy(), geometry.iou(a.numpy(), b.numpy()), atol=1e-6)
    empty = torch.tensor([[3.0, 3.0, 3.0, 3.0]])
    assert overlaps(empty, empty).item() == 0
    assert overlaps(a, b[:0]).shape == (7, 0)


def test_a_code_by_hand() -> None:
    code = encode(torch.tensor([[10.0, 10.0, 30.0, 50.0]]), torch.tensor([[0.0, 0.0, 20.0, 20.0]]))
    torch.testing.assert_close(code, torch.tensor([[0.5, 1.0, 0.0, np.log(2)]], dtype=torch.float32))


def test_decoding_undoes_encoding() -> None:
    a, b = boxes(9, 2), boxes(9, 3)
    for weights in ((1.0, 1.0, 1.0, 1.0), HEAD):
        torch.testing.assert_close(decode(encode(a, b, weights), b, weights), a, atol=1e-3, rtol=1e-4)


def test_a_wild_code_stays_a_number_and_is_cut_to_the_picture() -> None:
    wild = decode(torch.full((1, 4), 1e4), torch.tensor([[0.0, 0.0, 10.0, 10.0]]))
    assert torch.isfinite(wild).all()
    assert clipped(torch.tensor([[-5.0, 2.0, 99.0, 3.0]]), 20, 10).tolist() == [[0.0, 2.0, 20.0, 3.0]]
