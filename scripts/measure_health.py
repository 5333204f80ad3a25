"""What `facerec gallery health` finds of faults that were planted, and what it finds that was not.

A gallery is enrolled from at most five pictures of each person. Then one person in twenty gets a second name for half
of the pictures, one picture in twenty is filed under somebody else's name, and one in twenty is made unsharp. That is
done again and again, with other people and pictures. What else is wrong with the labels of the collections counts
against the precision. The thresholds were measured on the people of `val`; LFW's took no part in anything.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from decisions_data import FIELDS, People, kept, people
from measure_options import first_paragraphs, options
from PIL import Image, ImageFilter

from facerec.curation.health.findings import Finding, Shell
from facerec.curation.health.report import Health, check_gallery
from facerec.digest import sha256
from facerec.evaluation.result_file import write_result, write_text
from facerec.faces.encoder import Encoder, open_encoder
from facerec.faces.quality import sharpness
from facerec.gallery import open_gallery
from facerec.recognition.deciding import FPIR
from facerec.records import Float32, Template

GALLERIES, MOST, SHARE = 10, 5, 0.05
FPIRS = (FPIR, 0.1)
POOL, SIGMA = 300, 3.0
"""Pictures of a collection that are made unsharp, of which each gallery takes some; and how, in pixels of the face."""
KINDS = {
    "duplicate": "a second name for one person",
    "mislabelled": "a picture under a wrong name, and whose it is",
    "mislabelled or outlier": "a picture under a wrong name, found to be wrong",
    "low_quality": "an unsharp picture",
}


@dataclass(frozen=True)
class Unsharp:
    """Some pictures made unsharp: which rows of their people, with new embeddings and a new sharpness."""

    places: np.ndarray
    rows: Float32
    sharpness: Float32


@dataclass(frozen=True)
class Faulty:
    """A gallery's N pictures, and what is wrong with them.

    places  which pictures of their collection
    said    the names under which they are enrolled
    true    whom they show
    twins   pairs of names of one person
    wrong, unsharp    (N,) bool
    """

    places: np.ndarray
    said: np.ndarray
    true: np.ndarray
    twins: set[frozenset[str]]
    wrong: np.ndarray
    unsharp: np.ndarray


def planted(found: People, unsharp: Unsharp, rng: np.random.Generator) -> Faulty:
    """Choose pictures, and plant the faults."""
    places = at_most(found.labels, MOST, rng)
    true = found.labels[places].astype(object)
    said, twins = second_names(true, rng)
    wrong = chosen(np.array([said[row] == true[row] and frozenset((true[row], again(true[row]))) not in twins
                             for row in range(len(true))]), rng)  # fmt: skip
    names = np.unique(true)
    for row in np.flatnonzero(wrong):
        said[row] = rng.choice(names[names != true[row]])
    return Faulty(places, said, true, twins, wrong, chosen(np.isin(places, unsharp.places) & ~wrong, rng))


def at_most(labels: np.ndarray, most: int, rng: np.random.Generator) -> np.ndarray:
    """Rows of at most so many pictures of each label, by chance."""
    seen: Counter[str] = Counter()
    rows = []
    for row in rng.permutation(len(labels)).tolist():
        seen[labels[row]] += 1
        if seen[labels[row]] <= most:
            rows.append(row)
    return np.array(rows)


def second_names(true: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, set[frozenset[str]]]:
    """Names under which pictures are enrolled, when some people have two: and which they are."""
    said, twins = true.copy(), set()
    names, pictures = np.unique(true.astype(str), return_counts=True)
    for name in rng.permutation(names[pictures > 1])[: round(SHARE * len(names))].tolist():
        mine = rng.permutation(np.flatnonzero(true == name))
        said[mine[: len(mine) // 2]] = again(name)
        twins.add(frozenset((name, again(name))))
    return said, twins


def again(name: str) -> str:
    """A person's second name."""
    return f"{name} again"


def chosen(able: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A mask of SHARE of all rows, of those that are able."""
    mask = np.zeros(len(able), bool)
    mask[rng.permutation(np.flatnonzero(able))[: round(SHARE * len(able))]] = True
    return mask


def enrolled(faulty: Faulty, found: People, unsharp: Unsharp, encoder: str) -> list[Template]:
    """The gallery's templates; a picture's source is its row."""
    at = {place: number for number, place in enumerate(unsharp.places.tolist())}
    templates = []
    for row, place in enumerate(faulty.places.tolist()):
        quality = dict(zip(FIELDS, found.quality[place].tolist(), strict=True))
        embedding = found.rows[place]
        if faulty.unsharp[row]:
            embedding, quality["sharpness"] = unsharp.rows[at[place]], float(unsharp.sharpness[at[place]])
        known = {name: value for name, value in quality.items() if np.isfinite(value)}
        templates.append(
            Template(faulty.said[row], str(row), sha256(str(row).encode()), (0, 0, 1, 1), known, encoder, embedding)
        )
    return templates


def judged(faulty: Faulty, health: Health) -> dict[str, tuple[int, int, int]]:
    """For each kind: how many were planted, how many things were found, and how many of these were planted."""
    pairs = [frozenset(one.subjects) for one in health.findings if one.kind == "duplicate"]
    whose = {row: one.subjects[1] for one in of(health, "mislabelled") for row in rows_of([one])}
    strays = set(whose) | rows_of(of(health, "outlier"))
    poor = rows_of(of(health, "low_quality"))
    wrong, unsharp = int(faulty.wrong.sum()), int(faulty.unsharp.sum())
    named = sum(faulty.wrong[row] and whose[row].removesuffix(" again") == faulty.true[row] for row in whose)
    return {
        "duplicate": (len(faulty.twins), len(pairs), len(faulty.twins & set(pairs))),
        "mislabelled": (wrong, len(whose), int(named)),
        "mislabelled or outlier": (wrong, len(strays), sum(bool(faulty.wrong[row]) for row in strays)),
        "low_quality": (unsharp, len(poor), sum(bool(faulty.unsharp[row]) for row in poor)),
    }


def of(health: Health, kind: str) -> list[Finding]:
    """The findings of a kind."""
    return [one for one in health.findings if one.kind == kind]


def rows_of(findings: Iterable[Finding]) -> set[int]:
    """The pictures that some findings are about."""
    return {int(face.face.source) for one in findings for face in one.faces}


def measure(found: People, unsharp: Unsharp, encoder: Encoder) -> dict[str, Any]:
    """Plant faults in gallery after gallery of one collection, and look for them."""
    counts: dict[float, list[dict[str, tuple[int, int, int]]]] = {fpir: [] for fpir in FPIRS}
    sizes = []
    for seed in range(GALLERIES):
        faulty = planted(found, unsharp, np.random.default_rng(seed))
        with tempfile.TemporaryDirectory() as folder:
            gallery = open_gallery(Path(folder) / "gallery.db")
            gallery.enroll(enrolled(faulty, found, unsharp, encoder.digest))
            for fpir in FPIRS:
                health = check_gallery(gallery, encoder.digest, encoder.card.operating_points, Shell(), fpir)
                counts[fpir].append(judged(faulty, health))
        sizes.append((health.subjects, health.faces))
    return {
        "galleries": GALLERIES, "subjects": float(np.mean(sizes, axis=0)[0]), "faces": float(np.mean(sizes, axis=0)[1]),
        "by_fpir": [{"fpir": fpir, "kinds": summed(some)} for fpir, some in counts.items()],
    }  # fmt: skip


def summed(counts: list[dict[str, tuple[int, int, int]]]) -> dict[str, Any]:
    """Precision and recall of each kind over all galleries, with those of the worst and the best gallery."""
    return {kind: rates(np.array([one[kind] for one in counts], float)) for kind in KINDS}


def rates(counts: np.ndarray) -> dict[str, Any]:
    """From (galleries, 3): planted, found, rightly found."""
    planted, found, right = counts.sum(axis=0)
    with np.errstate(invalid="ignore"):
        precisions, recalls = counts[:, 2] / counts[:, 1], counts[:, 2] / counts[:, 0]
    return {
        "planted": int(planted), "found": int(found), "right": int(right),
        "precision": right / found if found else None, "recall": right / planted if planted else None,
        "precision_of_galleries": spread(precisions), "recall_of_galleries": spread(recalls),
    }  # fmt: skip


def spread(shares: np.ndarray) -> list[float]:
    """The lowest and the highest."""
    known = shares[np.isfinite(shares)]
    return [float(known.min()), float(known.max())] if len(known) else []


def page(result: dict[str, Any]) -> str:
    """docs/results/gallery-health.md."""
    lines = ["# The health of a gallery, in figures", "", "Made by `scripts/measure_health`.", "",
             first_paragraphs(__doc__), "", *NOTES]  # fmt: skip
    for name, found in result["collections"].items():
        lines += [
            f"## {name}: {found['galleries']} galleries of {found['subjects']:.0f} names and {found['faces']:.0f} "
            "pictures on the average", "",
        ]  # fmt: skip
        for one in found["by_fpir"]:
            default = " (the default)" if one["fpir"] == FPIR else ""
            lines += [
                f"With `--target-fpir {one['fpir']:g}`{default}:", "",
                "| fault | planted | found | right | precision | of single galleries | recall | of single galleries |",
                "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
                *(row(KINDS[kind], rate) for kind, rate in one["kinds"].items()), "",
            ]  # fmt: skip
    return "\n".join(lines)


NOTES = (
    "`--target-fpir` is how often somebody who is enrolled once may be taken for somebody else; the threshold comes",
    "from it and the number of names. `mislabelled` is right where it points at the right person. Of a subject with a",
    "single picture nothing can be said against the picture, and two names with one picture each are found as often as",
    "a search with one picture finds its subject. Where a subject has two pictures and one of them is wrong, both are",
    "shown, for nobody can say which: one of the two then counts against the precision. Most of LFW's people have a",
    "single picture, so that is what a picture under a wrong name mostly leads to there.", "",
)  # fmt: skip


def row(name: str, rate: dict[str, Any]) -> str:
    """A line of the table."""
    cells = [name, rate["planted"], rate["found"], rate["right"]]
    for key in ("precision", "recall"):
        low_high = rate[f"{key}_of_galleries"]
        cells += [percent(rate[key]), f"{percent(low_high[0])} to {percent(low_high[1])}" if low_high else ""]
    return f"| {' | '.join(map(str, cells))} |"


def percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f} %"


def made_unsharp(name: str, cache: Path, encoder: Encoder) -> Unsharp:
    """Some pictures of a collection, blurred and embedded, once per encoder."""
    pictures = kept(cache / f"{name}.npz", dict)
    crops = pictures["crops"][pictures["found"]]
    places = np.sort(np.random.default_rng(4).permutation(len(crops))[:POOL])

    def make() -> dict[str, np.ndarray]:
        soft = np.stack([blurred(crop) for crop in crops[places]])
        return {"rows": encoder(soft), "sharpness": sharpness(soft)}

    found = kept(cache / f"{name}-unsharp-{encoder.digest[:16]}.npz", make)
    return Unsharp(places, found["rows"], found["sharpness"])


def blurred(crop: np.ndarray) -> np.ndarray:
    """Out of focus."""
    return np.asarray(Image.fromarray(crop).filter(ImageFilter.GaussianBlur(SIGMA)))


def main() -> None:
    chosen_ = options(__doc__, "gallery-health")
    encoder = open_encoder()
    collections = {}
    for name, title in (("calibration", "val"), ("lfw", "LFW")):
        found = people(name, chosen_.data, chosen_.cache, encoder)
        collections[title] = measure(found, made_unsharp(name, chosen_.cache, encoder), encoder)
    result = {"encoder": encoder.digest, "share": SHARE, "collections": collections}
    write_result(chosen_.output, result)
    write_text(chosen_.output.with_suffix(".md"), page(result))
    print(page(result))


if __name__ == "__main__":
    main()
