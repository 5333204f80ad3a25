"""What the mirror image is worth: one run exported with it and without, both measured on the same people and pairs.

    FACEREC_DATA=... python scripts/bench_mirror.py runs/default

Thresholds on the split `val`, and LFW end to end. Whatever is in the folder `--work` already is not done again.
Writes docs/results/mirror.json and .md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from facerec.evaluation.result_file import write_result
from facerec.faces.encoder import Card
from facerec.faces.trunks import summarise_trunk

TARGETS = (1e-2, 1e-3, 1e-4)
WAYS = {"mirror": ("--mirror", "face and mirror image"), "plain": ("--no-mirror", "the face alone")}
Figures = dict[str, Any]


def facerec(*arguments: object) -> None:
    """Run the command of this environment."""
    subprocess.run([Path(sys.executable).with_name("facerec"), *map(str, arguments)], check=True)


def measured(name: str, run: Path, data: Path, work: Path) -> Figures:
    """Export, calibrate and evaluate one of the two, as far as that has not been done."""
    flag, words = WAYS[name]
    folder, lfw = work / name, work / f"lfw-{name}.json"
    if not (folder / "card.json").exists():
        facerec("export", run, "-o", folder, "--name", name, flag, "--calibrate", data / "faces")
    if not lfw.exists():
        facerec("evaluate", "lfw", data / "lfw", "--encoder", folder, "-o", lfw)
    card, result = Card.read(folder), json.loads(lfw.read_text())
    rows = [row.as_dict() for row in card.operating_points.rows if row.target in TARGETS]
    return {
        "way": words,
        "encoder": card.digest,
        "multiply-adds": summarise_trunk(card.trunk).multiplications * (2 if name == "mirror" else 1),
        "lfw": {key: result[key] for key in ("accuracy", "accuracy_interval", "std", "folds", "pairs")},
        "val": {f"{row['target_fmr']:g}": {key: row[key] for key in ("fnmr", "fnmr_interval")} for row in rows},
        "evidence": rows[0]["evidence"],
    }


def cells(found: Figures) -> list[str]:
    """A row of the table."""
    lfw = found["lfw"]
    row = [found["way"], f"{found['multiply-adds'] / 1e6:.0f} million"]
    row.append("{:.2%} ({:.2%} to {:.2%})".format(lfw["accuracy"], *lfw["accuracy_interval"]))
    return row + [
        "{:.1%} ({:.1%} to {:.1%})".format(rate["fnmr"], *rate["fnmr_interval"]) for rate in found["val"].values()
    ]


def page(found: Figures) -> str:
    ways = list(found["ways"].values())
    head = ["the encoder sees", "multiply-adds", "LFW", *(f"FNMR at FMR {target}" for target in ways[0]["val"])]
    return "\n".join(
        [
            "# With the mirror image and without", "",
            f"`{found['command']}`. 95 % intervals by bootstrap over people. LFW: {ways[0]['lfw']['folds']} folds, "
            f"{ways[0]['lfw']['pairs']} pairs, end to end. FNMR: {ways[0]['evidence']}.", "",
            "| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1),
            *("| " + " | ".join(cells(way)) + " |" for way in ways), "",
        ]
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("--data", type=Path, default=os.environ.get("FACEREC_DATA"), help="the folder of real pictures")
    parser.add_argument("--work", type=Path, default=Path("runs/mirror"), help="for both encoders (runs/mirror)")
    parser.add_argument("--results", type=Path, default=Path("docs/results"), help="where to write (docs/results)")
    given = parser.parse_args()
    if given.data is None:
        parser.error("name the folder of real pictures by --data or FACEREC_DATA")
    ways = {name: measured(name, given.run, given.data, given.work) for name in WAYS}
    found = {"command": f"scripts/bench_mirror.py {given.run}", "ways": ways}
    given.results.mkdir(parents=True, exist_ok=True)
    write_result(given.results / "mirror.json", found)
    (given.results / "mirror.md").write_text(page(found))
    print(page(found))


if __name__ == "__main__":
    main()
