"""Made-up people for tests: clusters of unit rows on the sphere, some spread wide and some narrow."""

import numpy as np

from facerec.records import DIM, Float32, unit


def clusters(rng: np.random.Generator, pictures: list[int], spread: float = 0.08) -> tuple[Float32, list[str]]:
    """Embeddings (sum of pictures, 128) and the subject of each: a centre per subject, and noise around it."""
    subject = np.repeat(np.arange(len(pictures)), pictures)
    centres = rng.normal(size=(len(pictures), DIM)) / np.sqrt(DIM)
    noise = rng.normal(size=(len(subject), DIM)) * spread
    return unit(centres[subject] + noise), [f"subject-{number:04d}" for number in subject]
