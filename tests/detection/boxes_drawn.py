"""Pictures with coloured boxes on grey, and the list file that marks them: what a small detector learns in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facerec import images

COLOURS = {"blue": (30, 60, 220), "red": (220, 40, 30)}


def draw_boxes(folder: Path, pictures: int, seed: int = 0, side: int = 64, name: str = "list.txt") -> Path:
    """Write pictures with up to three boxes each, and their list; the last picture shows nothing."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for number in range(pictures):
        pixels = rng.normal(128, 6, (side, side, 3))
        words = [f"{Path(name).stem}-{number}.png"]
        for place in rng.permutation(4)[: rng.integers(1, 4) if number < pictures - 1 else 0]:
            width, height = rng.integers(side // 5, side // 2 - 4, 2)
            x, y = np.array([place % 2, place // 2]) * side // 2 + rng.integers(0, 4, 2)
            kind = str(rng.choice(list(COLOURS)))
            pixels[y : y + height, x : x + width] = COLOURS[kind]
            words.append(f"{x},{y},{x + width},{y + height},{kind}")
        images.save(np.clip(pixels, 0, 255).astype(np.uint8), folder / words[0])
        lines.append(" ".join(words))
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name
