"""The binary head against the cosine: three differences, fitted to an encoder as it is, measured on other people.

    FACEREC_DATA=... python scripts/compare_heads.py ENCODER [--cache DIR]

Fits each head to the split `train` of $FACEREC_DATA/faces and measures it on `val`, beside the cosine and the same
differences with equal weights. Writes docs/results/binary-head.json and .md. The embeddings are kept in DIR, if one is
named, for the next time.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import numpy as np

from facerec.calibration import balanced, measure_operating_points
from facerec.cli.progress import Counter
from facerec.evaluation.result_file import write_result
from facerec.faces.encoder import Encoder, open_encoder
from facerec.faces.head import BinaryHead
from facerec.learning.datasets import load_shards
from facerec.learning.fitting import fit_binary
from facerec.metrics import bootstrap
from facerec.metrics.cross_pairs import Compare, similarity
from facerec.metrics.differences import DIFFERENCES
from facerec.thresholds import MOST_PER_SUBJECT, embedded

TARGETS = (1e-2, 1e-3, 1e-4)
FMR = 1e-3
Figures = dict[str, Any]


def rows_of(encoder: Encoder, faces: Path, split: str, cache: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings and subjects' numbers of at most 30 crops of each subject of a split."""
    kept = None if cache is None else cache / f"{split}-{encoder.digest[:12]}.npz"
    if kept is not None and kept.exists():
        stored = np.load(kept, allow_pickle=False)
        return stored["rows"], stored["labels"]
    crops = load_shards(faces, (split,))
    crops = crops[balanced([str(label) for label in crops.labels], MOST_PER_SUBJECT, np.random.default_rng(0))]
    with Counter(f"embedding {split}") as progress:
        rows = embedded(encoder, crops, progress)
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, rows=rows, labels=crops.labels)
    return rows, crops.labels


def equal(difference: str) -> Compare:
    """The difference with equal weights."""
    return lambda a, b: np.stack([-DIFFERENCES[difference](row, b).sum(axis=1) for row in a])


def measured(rows: np.ndarray, labels: np.ndarray, compare: Compare) -> dict[str, Figures]:
    """FNMR at each false match rate, with its interval by bootstrap over people."""
    points = measure_operating_points(
        rows, [str(label) for label in labels], encoder="", evidence="", rng=np.random.default_rng(0),
        targets=TARGETS, compare=compare,
    )  # fmt: skip
    return {
        f"{row.target:g}": {"fnmr": row.fnmr, "interval": row.fnmr_interval.as_list(), "threshold": row.point.threshold}
        for row in points.rows
    }


def genuine_misses(rows: np.ndarray, labels: np.ndarray, compare: Compare, threshold: float) -> tuple[np.ndarray, ...]:
    """Which genuine pairs are refused, and whose they are: two (G,)."""
    missed, whose = [], []
    for name in np.unique(labels):
        own = rows[labels == name]
        scores = compare(own, own)[np.triu_indices(len(own), 1)]
        missed.append(scores < threshold)
        whose.append(np.full(len(scores), name))
    return np.concatenate(missed), np.concatenate(whose)


def gains(rows: np.ndarray, labels: np.ndarray, compare: Compare, at: Figures, cosine: Figures) -> Figures:
    """How much lower the FNMR is than the cosine's at the same FMR, on the same resamples of people."""
    mine, whose = genuine_misses(rows, labels, compare, at["threshold"])
    other, _ = genuine_misses(rows, labels, similarity, cosine["threshold"])
    subject = np.unique(whose, return_inverse=True)[1]
    drawn = bootstrap.draws(int(subject.max()) + 1, np.random.default_rng(0))
    fewer = bootstrap.weighted_sums(drawn, subject, subject, other.astype(float) - mine)
    pairs = bootstrap.weighted_sums(drawn, subject, subject, np.ones(len(subject)))
    interval = bootstrap.percentiles(bootstrap.rates(fewer, pairs)).as_list()
    return {"lower_by": float(other.mean() - mine.mean()), "interval": interval}


def compared(encoder: Encoder, faces: Path, cache: Path | None) -> Figures:
    """All ways on one encoder."""
    train, people = rows_of(encoder, faces, "train", cache)
    val, names = rows_of(encoder, faces, "val", cache)
    cosine = measured(val, names, similarity)
    ways: dict[str, Figures] = {"cosine": {"rates": cosine}}
    for difference in DIFFERENCES:
        fitted = fit_binary(train, people, difference, np.random.default_rng(0))
        weight = fitted.head.weight.detach().numpy()
        head = BinaryHead(difference, weight, fitted.head.bias.item(), encoder.digest, {})
        rates = measured(val, names, head)
        key = f"{FMR:g}"
        ways[difference] = {
            "rates": rates,
            "with_equal_weights": measured(val, names, equal(difference)),
            "against_cosine": gains(val, names, head, rates[key], cosine[key]),
            "weight_spread": float(weight.std() / abs(weight.mean())),
        }
    fitted_to = {"crops": len(train), "subjects": len(np.unique(people)), "genuine": fitted.genuine}
    measured_on = {"crops": len(val), "subjects": len(np.unique(names))}
    fitted_to["impostor"] = fitted.impostor
    return {"encoder": encoder.digest, "fitted_to": fitted_to, "measured_on": measured_on, "ways": ways}


def page(result: Figures) -> str:
    """docs/results/binary-head.md."""
    to, on, ways = result["fitted_to"], result["measured_on"], result["ways"]
    lines = [
        "# The binary head against the cosine", "",
        f"`python scripts/compare_heads.py ENCODER` on the encoder {result['encoder'][:12]}..., which stays as it is.",
        f"Each head is fitted to {to['genuine']:,} genuine and {to['impostor']:,} near impostor pairs from",
        f"{to['crops']:,} crops of {to['subjects']:,} people of the split `train`, and measured on all pairs of",
        f"{on['crops']:,} crops of {on['subjects']} people of `val`: FNMR with its 95 % interval by bootstrap over",
        "people, each at its own threshold. How near the impostors are and how even the weights stay was chosen on a",
        "teacher's embeddings of the same people, which flatters the heads a little.",
        "", "| way | FNMR at FMR 1e-2 | at 1e-3 | at 1e-4 | at 1e-3 with equal weights | lower than the cosine's by |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
        *(row(name, way) for name, way in ways.items()), "", verdict(ways),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def row(name: str, way: Figures) -> str:
    """A line of the table."""
    rates = [in_words(way["rates"].get(f"{target:g}")) for target in TARGETS]
    even = in_words(way["with_equal_weights"].get(f"{FMR:g}")) if "with_equal_weights" in way else ""
    gain = way.get("against_cosine")
    low, high = gain["interval"] if gain else (0, 0)
    by = f"{gain['lower_by']:+.2%} [{low:+.2%}, {high:+.2%}]" if gain else ""
    return f"| {name} | {' | '.join(rates)} | {even} | {by} |"


def in_words(rate: Figures | None) -> str:
    """A rate with its interval; nothing where the people are too few for it."""
    if rate is None:
        return "too few people"
    low, high = rate["interval"]
    return f"{rate['fnmr']:.2%} [{low:.2%}, {high:.2%}]"


def verdict(ways: dict[str, Figures]) -> str:
    """Which head is worth having, by the interval of what it gains."""
    judged = {name: way["against_cosine"]["interval"] for name, way in ways.items() if "against_cosine" in way}
    better = [name for name, (low, _) in judged.items() if low > 0]
    worse = [name for name, (_, high) in judged.items() if high < 0]
    said = [f"Better than the cosine, beyond chance: {', '.join(better) or 'none'}."]
    said.append(f"Worse, beyond chance: {', '.join(worse) or 'none'}.")
    return " ".join(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("encoder", help="a packaged name, or a folder that `facerec export` wrote")
    parser.add_argument("--cache", type=Path, help="folder for the embeddings")
    parser.add_argument("--results", type=Path, default=Path("docs/results"), help="where to write (docs/results)")
    given = parser.parse_args()
    result = compared(open_encoder(given.encoder), Path(os.environ["FACEREC_DATA"]) / "faces", given.cache)
    write_result(given.results / "binary-head.json", result)
    (given.results / "binary-head.md").write_text(page(result), encoding="utf-8")
    print(page(result))


if __name__ == "__main__":
    main()
