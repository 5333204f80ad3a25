"""What `scripts/bench_gallery` found, as a page."""

from __future__ import annotations

import json
import statistics
from pathlib import Path
from typing import Any

from facerec.gallery import snapshots
from facerec.gallery.index import EXACT_UP_TO

Figures = dict[str, Any]

HEAD = """# The gallery, in figures

Made by `{command}`; the same in full: [gallery.json](gallery.json).

Embeddings are synthetic unit rows around real ones (those of the packaged encoder's teacher, 54,036 faces; any .npy of
rows of 128 serves), ten to a subject, and a file cache that is warm. A start is a whole
process, from its beginning to its end. A search for the five best is timed against `faiss.IndexFlatIP` on the same
rows, turn by turn, and "of faiss" is the ratio of the medians. "With subjects" is the whole of a search in a
gallery that others may change: its state is read first, and five subjects are found, not five templates. "Search after"
is the first search of another opener after an enrolment, with templates fused as the commands do. The machine's load
before each part is in the JSON; it was {load} at most.
"""

FOUND = """
![How each cost grows](gallery.png)

- At {templates:,} templates a process answers its first question after {snapshot:.1f} s from the snapshot and
  {rows:.1f} s from the rows.
- {processes} processes enrolled {enrolments:,} pictures, one a transaction: {refused} were told that the gallery is
  busy; median {p50_ms:.1f} ms, p99 {p99_ms:.1f} ms.
- Another process, which searches all the time, no longer finds somebody at the latest {called:.2f} s after their
  removal was called and {unseen:.2f} s after it was acknowledged, at any size (wanted: 1 s); at {templates:,}
  templates, the median of {times}: {median_called:.2f} s after the call. The commit comes first, then snapshots are
  overwritten and the log is emptied, then the removal is acknowledged, so a search may be ahead of that.
- The first removal overwrites a snapshot that there is: {with_snapshot:.0f} ms at {templates:,} templates; one without,
  {remove:.0f} ms. The commit, from which on nobody finds the removed, comes before that.
- Up to {exact:,} templates are searched by numpy, more by faiss; from {worth:,} on there are snapshots.
- Searches on a GPU are written, and tested where there is one; none was at hand, so there is no figure.
"""

SOAKED = """
## Kill rounds and damaged files

By `{command}`, in one run of one commit, on a RAM disk: in full in
[gallery-soak.json](gallery-soak.json). (A kill takes nothing that the machine has in memory; power cuts have a test of
their own, F8 in [gallery.md](../gallery.md).) In each of {rounds:,} rounds two writers and two
readers were killed at a random moment and everything was looked at: {acknowledged:,} writes had been acknowledged, and
{lost_or_half} of them were lost or there by half; {refused} calls were refused, and of {searches:,} searches
{wrong_answers} were answered wrongly. Of {files:,} damaged snapshots {accepted} were accepted and {wrong} led to a
wrong answer; memory grew to {memory_at_most_times:.2f} of what it was. Of {indexes:,} damaged files of an approximate
index {indexes_accepted} were accepted and {indexes_wrong} led to a wrong answer. Of {pool_searches:,} searches by four
threads while a fifth changed the gallery {pool_wrong} were answered wrongly.

Two faults that such rounds have found have tests of their own since: a half-written snapshot that was left beside a
gallery in which nobody was enrolled any more, and a search that failed when so many had left that faiss makes no index
of the rest.
"""


def page(kept: Figures, out: Path) -> str:
    """The results as a page; `out` is the folder that may hold those of the soak."""
    sizes, enrolling = kept["sizes"], kept["enrolling"]
    largest = sizes[-1]
    seen = [one["seconds_until_another_process_sees_a_removal"] for one in sizes]
    found = FOUND.format(
        templates=largest["templates"], snapshot=largest["start"]["from_snapshot"]["process_s"],
        rows=largest["start"]["from_sql"]["process_s"], with_snapshot=largest["change"]["remove_with_snapshot_ms"],
        remove=largest["change"]["remove_ms"], exact=EXACT_UP_TO, worth=snapshots.WORTH_FROM,
        unseen=max(one["max"] for one in seen), called=max(max(one["since_called"]) for one in seen),
        times=seen[-1]["times"], median_called=statistics.median(seen[-1]["since_called"]), **enrolling,
    )  # fmt: skip
    notes = "".join(f"\n{note}\n" for note in kept.get("notes", []))
    approximate = [*approximate_table(largest), *starts_table(sizes)] if largest["approximate"] else []
    tables = "\n".join([*table(sizes), *approximate])
    load = max(load for one in sizes for load in one["load"].values())
    return f"{HEAD.format(**kept, load=load)}{notes}\n{tables}\n{found}{soaked(out)}"


def soaked(out: Path) -> str:
    """What `scripts/soak` found, where it was run."""
    if not (out / "gallery-soak.json").exists():
        return ""
    found = json.loads((out / "gallery-soak.json").read_text(encoding="utf-8"))
    parts = ("kill_rounds", "damaged_snapshots", "damaged_indexes", "threads")
    rounds, files, indexes, pool = (found[part] for part in parts)
    return SOAKED.format(
        **rounds, command=found["command"],
        refused=len(rounds["refusals"]), files=files["files"], accepted=files["accepted"],
        wrong=files["wrong_answers"], memory_at_most_times=files["memory_at_most_times"],
        indexes=indexes["files"], indexes_accepted=indexes["accepted"], indexes_wrong=indexes["wrong_answers"],
        pool_searches=pool["searches"], pool_wrong=pool["wrong_answers"],
    )  # fmt: skip


def table(sizes: list[Figures]) -> list[str]:
    """The page's table, a row per size."""
    head = ["templates", "start, rows (s)", "start, snapshot (s)", "1 probe (ms)", "of faiss", "100 probes (ms)",
            "of faiss", "with subjects (ms)", "enroll (ms)", "search after (ms)", "RAM (bytes each)", "database",
            "snapshot"]  # fmt: skip
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join(["---:"] * len(head)) + " |"]
    for one in sizes:
        begun, change = one["start"], one["change"]
        single, many = one["search"]["1_probes"], one["search"]["100_probes"]
        cells = [
            f"{one['templates']:,}", f"{begun['from_sql']['process_s']:.2f}",
            f"{begun['from_snapshot']['process_s']:.2f}",
            f"{single['index_ms']:.2f}", f"{single['ratio']:.2f}", f"{many['index_ms']:.1f}", f"{many['ratio']:.2f}",
            f"{single['ours_ms']:.2f}", f"{change['enroll_ms']:.1f}", f"{change['seen_ms']:.1f}",
            f"{begun['from_snapshot']['memory_per_template']:.0f}", f"{one['bytes_of_database']:.0f}",
            f"{begun['snapshot_bytes'] / one['templates']:.0f}",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def starts_table(sizes: list[Figures]) -> list[str]:
    """A process that searches approximately, from its beginning to its end: with an index that it builds, or finds."""
    found = [(one["templates"], one["start_approximate"]) for one in sizes if one.get("start_approximate")]
    lines = [
        "", "A process that opens the gallery, searches once by an inverted file, and ends:", "",
        "| templates | index | exact search (s) | built (s) | built and kept (s) | kept before (s) | built / kept | "
        "index (bytes each) |", "| ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]  # fmt: skip
    for templates, one in found:
        seconds = (one[name]["process_s"] for name in ("exact_from_snapshot", "built", "built_and_kept", "kept"))
        cells = [f"{templates:,}", f"`{one['spec']}`", *(f"{each:.2f}" for each in seconds),
                 f"{one['times_as_fast']:.1f}", f"{one['index_bytes'] / templates:.0f}"]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return lines if found else []


def approximate_table(one: Figures) -> list[str]:
    """What approximate search costs and saves at one size."""
    lines = [
        "", f"Among {one['approximate'][0]['templates']:,} templates, approximate search against exact search, turn by "
        "turn:", "", "| index | recall@1 | one probe (ms) | exact (ms) | times as fast | to build (s) |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]  # fmt: skip
    for kind in one["approximate"]:
        lines.append(f"| `{kind['spec']}` | {kind['recall']:.4f} | {kind['milliseconds']:.3f} | "
                     f"{kind['exact_milliseconds']:.2f} | {kind['times_as_fast']:.1f} | {kind['build_seconds']:.1f} |"
        )  # fmt: skip
    return lines
