"""Does the picture that `facerec verify --explain` draws mean something? The deletion test.

Of pairs of photos of one person, the 64 cells of the first face are removed one after another: those first that the
map says raised the similarity most, or in random order, or those first that it says raised it least. If the map names
what matters, the similarity falls fastest in the first order and slowest in the last. A cell is removed by making it
grey, as when the map is made, or by giving it its own mean colour, which the map has never tried.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from decisions_data import People, kept, people
from measure_options import first_paragraphs, options

from facerec.evaluation.result_file import write_result, write_text
from facerec.faces.align import SIDE
from facerec.faces.encoder import Encoder, open_encoder
from facerec.metrics import bootstrap
from facerec.recognition.explanation import GREY, SQUARE, STRIDE, Alike, effect

PAIRS, TRIED_ON = 150, 20
"""Pairs of LFW people for the test, and of `val` people for the choice of the square's size."""
CELL = 14
CELLS = SIDE // CELL
SHARES = (1 / 16, 1 / 8, 3 / 16, 1 / 4, 3 / 8, 1 / 2)
"""How much of the face is removed."""
ORDERS = ("raised most", "random", "raised least")
SIZES = ((14, 14), (14, 7), (28, 14), (42, 14))
"""Side and step of the square, tried."""

Remove = Callable[[np.ndarray], np.ndarray]
Crops = np.ndarray


def grey(cell: np.ndarray) -> np.ndarray:
    """Level 128."""
    return np.full_like(cell, GREY)


def plain(cell: np.ndarray) -> np.ndarray:
    """The cell's own mean colour: its brightness stays, its detail goes."""
    return np.broadcast_to(cell.mean(axis=(0, 1)), cell.shape).astype(np.uint8)


REMOVALS: dict[str, Remove] = {"grey": grey, "mean colour": plain}


def removed(face: np.ndarray, order: np.ndarray, remove: Remove) -> Crops:
    """The face with each of SHARES of its cells removed, in an order of cells (64,): (len(SHARES), 112, 112, 3)."""
    faces = np.repeat(face[None], len(SHARES), axis=0)
    for place, share in enumerate(SHARES):
        for cell in order[: round(share * CELLS**2)].tolist():
            y, x = CELL * (cell // CELLS), CELL * (cell % CELLS)
            part = faces[place, y : y + CELL, x : x + CELL]
            part[:] = remove(part)
    return faces


def cells(effect: np.ndarray) -> np.ndarray:
    """A map (112, 112) as the mean of each cell, (64,)."""
    return effect.reshape(CELLS, CELL, CELLS, CELL).mean(axis=(1, 3)).ravel()


def falls(face: np.ndarray, alike: Alike, square: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """How much the similarity falls: (removals, orders, SHARES)."""
    worth = cells(effect(face, alike, *square))
    orders = (np.argsort(-worth, kind="stable"), rng.permutation(CELLS**2), np.argsort(worth, kind="stable"))
    faces = [face[None]]
    for remove in REMOVALS.values():
        faces += [removed(face, order, remove) for order in orders]
    similarity = alike(np.concatenate(faces))
    return (similarity[0] - similarity[1:]).reshape(len(REMOVALS), len(ORDERS), len(SHARES))


def pairs_of(found: People, count: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of two photos of as many people, each person once: (count, 2)."""
    names, pictures = np.unique(found.labels, return_counts=True)
    able = rng.permutation(names[pictures > 1])[:count]
    return np.array([rng.permutation(np.flatnonzero(found.labels == name))[:2] for name in able])


def measure(
    found: People, crops: Crops, pairs: np.ndarray, encoder: Encoder, square: tuple[int, int] = (SQUARE, STRIDE)
) -> np.ndarray:
    """How much each pair's similarity falls: (pairs, removals, orders, SHARES)."""
    rng = np.random.default_rng(1)

    def alike_to(other: np.ndarray) -> Alike:
        return lambda faces: encoder(faces) @ other

    return np.array([falls(crops[a], alike_to(found.rows[b]), square, rng) for a, b in pairs.tolist()])


def described(fallen: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """Mean falls (P, orders, SHARES) with intervals over people, and how much faster than the other orders."""
    drawn = bootstrap.draws(len(fallen), rng)
    most, random, least = (fallen[:, order].mean(axis=1) for order in range(len(ORDERS)))
    return {
        "fall": {name: fallen[:, order].mean(axis=0).tolist() for order, name in enumerate(ORDERS)},
        "more_than_random": mean_with_interval(most - random, drawn),
        "more_than_least": mean_with_interval(most - least, drawn),
        "people_with_more_than_random": int((most > random).sum()),
    }


def mean_with_interval(values: np.ndarray, drawn: np.ndarray) -> dict[str, Any]:
    """The mean over people (P,), and its interval by bootstrap over them."""
    return {"mean": float(values.mean()), "interval": bootstrap.percentiles(drawn @ values / len(values)).as_list()}


def by_size(found: People, crops: Crops, encoder: Encoder) -> list[dict[str, Any]]:
    """The test for several sizes of the square, on people who take no part in the test itself."""
    pairs = pairs_of(found, TRIED_ON, np.random.default_rng(2))
    tried = []
    for square, step in SIZES:
        fallen = measure(found, crops, pairs, encoder, (square, step)).mean(axis=(0, 1, 3))
        places = len(range(0, SIDE - square + 1, step)) ** 2
        fall = dict(zip(ORDERS, fallen.tolist(), strict=True))
        tried.append({"square": square, "step": step, "places": places, "pairs": len(pairs), "fall": fall})
    return tried


def page(result: dict[str, Any]) -> str:
    """docs/results/explain.md."""
    lines = [
        "# What `verify --explain` draws, in figures", "", "Made by `scripts/measure_explain`.", "",
        first_paragraphs(__doc__), "",
        f"{result['pairs']} pairs of photos of as many LFW people, mean similarity {result['similarity']:.3f}. How",
        "much it has fallen when so much of the face is removed:", "",
    ]  # fmt: skip
    for name, found in result["removals"].items():
        lines += [
            f"## Removed by {name}", "",
            f"| order | {' | '.join(f'{share:.0%}'.replace('%', ' %') for share in SHARES)} |",
            f"| --- |{' ---: |' * len(SHARES)}",
            *(f"| {order} | {' | '.join(f'{fall:.3f}' for fall in row)} |" for order, row in found["fall"].items()), "",
            f"Over these shares the similarity falls by {said(found['more_than_random'])} more than in random order",
            f"and by {said(found['more_than_least'])} more than in the reverse order (mean, 95 % interval by bootstrap",
            f"over people); more than in random order for {found['people_with_more_than_random']} of {result['pairs']}",
            "pairs.", "",
        ]  # fmt: skip
    lines += [
        "## The size of the square", "",
        f"Chosen on {result['sizes'][0]['pairs']} pairs of the split `val`; mean fall over all shares and both ways of "
        "removing. What is removed is 14 pixels large, which suits a square of 14.", "",
        "| square, pixels | step | places | raised most first | random | raised least first |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
        *(
            f"| {one['square']} | {one['step']} | {one['places']} | "
            f"{' | '.join(f'{fall:.3f}' for fall in one['fall'].values())} |"
            for one in result["sizes"]
        ), "",
    ]  # fmt: skip
    return "\n".join(lines)


def said(mean: dict[str, Any]) -> str:
    """A mean with its interval."""
    return f"{mean['mean']:.3f} ({mean['interval'][0]:.3f} to {mean['interval'][1]:.3f})"


def main() -> None:
    chosen = options(__doc__, "explain")
    encoder = open_encoder()
    found = {name: people(name, chosen.data, chosen.cache, encoder) for name in ("calibration", "lfw")}
    crops = {name: crops_of(chosen.cache / f"{name}.npz") for name in found}
    pairs = pairs_of(found["lfw"], PAIRS, np.random.default_rng(0))
    fallen = measure(found["lfw"], crops["lfw"], pairs, encoder)
    rng = np.random.default_rng(3)
    result = {
        "encoder": encoder.digest, "pairs": len(pairs), "shares": list(SHARES),
        "similarity": float((found["lfw"].rows[pairs[:, 0]] * found["lfw"].rows[pairs[:, 1]]).sum(axis=1).mean()),
        "removals": {name: described(fallen[:, number], rng) for number, name in enumerate(REMOVALS)},
        "sizes": by_size(found["calibration"], crops["calibration"], encoder),
    }  # fmt: skip
    write_result(chosen.output, result)
    write_text(chosen.output.with_suffix(".md"), page(result))
    print(page(result))


def crops_of(path: Path) -> Crops:
    """The faces that were found, in the order of their embeddings."""
    pictures = kept(path, dict)
    return pictures["crops"][pictures["found"]]


if __name__ == "__main__":
    main()
