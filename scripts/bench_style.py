"""What `facerec style` costs and makes: curves of three networks on three pairs, seconds and memory, one pass.

    python scripts/bench_style.py [--parts curves,speed,fast] [--weights squeezenet1_0-imagenet.npz] [--model DIR]

Contents and styles come with scikit-learn (china, flower) and scikit-image (astronaut, coffee, brick, gravel). Without
--weights SqueezeNet is left out; `fast` measures a folder that `facerec style train` wrote for flower. Each part
replaces its own figures in docs/results/style.json, and the page is written from all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skimage import data
from skimage.filters import sobel
from sklearn.datasets import load_sample_images
from torch import Tensor

from facerec import images
from facerec.plots.figure import save
from facerec.plots.style import cost_curves
from facerec.records import Image
from facerec.style.canvas import fitted, to_tensor
from facerec.style.features import CHOICES
from facerec.style.settings import StyleSettings
from facerec.style.transfer import Scene, Studio, minimise, paint

DOCS = Path(__file__).parent.parent / "docs"
RESULTS, PICTURES = DOCS / "results", DOCS / "pictures"
NOT_SHOWN = ("astronaut",)
"""Painted and measured, and not kept: no picture in the repository shows a person."""

PAIRS = (("china", "flower"), ("astronaut", "brick"), ("coffee", "gravel"))
NETS = ("random", "packaged", "squeezenet")
SIDE, STEPS = 160, 150
SPEED_SIDES, SPEED_STEPS, ROUNDS = (256, 512), 4, 4
FAST_SIDE = 512
Figures = dict[str, Any]


def pictures() -> dict[str, Image]:
    """The pictures by name, RGB."""
    china, flower = (np.ascontiguousarray(image) for image in load_sample_images().images)
    grey = {name: np.repeat(getattr(data, name)()[..., None], 3, axis=2) for name in ("brick", "gravel")}
    return {"china": china, "flower": flower, "astronaut": data.astronaut(), "coffee": data.coffee()} | grey


def settings_of(net: str, weights: Path | None, **more: Any) -> StyleSettings:
    return StyleSettings(net=net, weights=weights if net == "squeezenet" else None, **more)


BETAS = {("china", "squeezenet"): 200.0, ("astronaut", "squeezenet"): 1.0, ("coffee", "squeezenet"): 2.0}
"""With what does justice to a flower, SqueezeNet's features of a grey texture leave nothing of a portrait."""


def likeness(first: Image, second: Image) -> float:
    """Correlation of the strength of edges (Sobel, of the mean of the colours), -1 to 1."""
    edges = [sobel(images.resize(image, (96, 96)).mean(axis=2)).ravel() for image in (first, second)]
    return float(np.corrcoef(edges)[0, 1])


def curves(nets: list[str], weights: Path | None) -> Figures:
    """Each network on each pair; the content's likeness against that of the other two contents."""
    shown, found = pictures(), {}
    tiles: list[Image] = []
    for content, style in PAIRS:
        lines, row = {}, [square(shown[content]), square(shown[style])]
        for net in nets:
            settings = settings_of(net, weights, size=SIDE, steps=STEPS, beta=BETAS.get((content, net)))
            painting = paint(shown[content], [shown[style]], settings)
            rows = painting.curve
            others = [shown[name] for name, _ in PAIRS if name != content]
            found[f"{content} as {style}, {net}"] = {
                "content": content, "style": style, "net": net, "beta": settings.style_weight,
                "start": dict(zip(("total", "content", "style"), painting.start[:3], strict=True)),
                "final": dict(zip(("total", "content", "style"), painting.final[:3], strict=True)),
                "style_share": painting.final[2] / painting.start[2],
                "rising_steps": float((np.diff(rows[:, 1]) > 0).mean()),
                "largest_rise": float(max(0.0, (np.diff(rows[:, 1]) / rows[:-1, 1]).max())),
                "likeness": likeness(painting.image, shown[content]),
                "likeness_of_others": max(likeness(painting.image, other) for other in others),
                "likeness_to_style": likeness(painting.image, shown[style]),
                "curve": {name: short(rows[:, column]) for column, name in enumerate(("total", "content", "style"), 1)},
            }  # fmt: skip
            lines[net] = rows
            row.append(square(painting.image))
            print(content, style, net, found[f"{content} as {style}, {net}"]["style_share"], flush=True)
        tiles += [] if content in NOT_SHOWN else row
        save(cost_curves(lines, f"{content} in the manner of {style}"), RESULTS / f"style-{content}.png")
    images.save(images.grid(tiles, 2 + len(nets)), PICTURES / "style-networks.jpg")
    return found


def short(values: np.ndarray) -> list[float]:
    """To five digits."""
    return [float(f"{value:.5g}") for value in values]


def square(image: Image) -> Image:
    """The middle of a picture, SIDE pixels a side."""
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return images.resize(np.ascontiguousarray(image[top : top + side, left : left + side]), (160, 160))


def scene_of(net: str, weights: Path | None, side: int) -> tuple[Studio, Scene, Tensor]:
    """The portrait to be painted as coffee, ready for the first step."""
    settings = settings_of(net, weights, size=side, steps=SPEED_STEPS)
    studio, portrait = Studio(settings), data.astronaut()
    scene = studio.scene(portrait, [data.coffee()], None, fitted(portrait, side))
    return studio, scene, scene.begin(None)


def bare_of(studio: Studio, start: Tensor) -> Callable[[], None]:
    """Forward and backward of the same layers of the same network, to the gradient of the picture, and no more."""
    stem, picture = studio.features.stem, studio.features.preparation.normalised(start * 255)

    def run() -> None:
        x = picture.clone().requires_grad_(True)
        stem(x).sum().backward()

    return run


def step_seconds(scene: Scene, start: Tensor, settings: StyleSettings) -> list[float]:
    """Seconds of each step but the first, by the optimizer of the settings."""
    marks: list[float] = []
    minimise(
        start, lambda x: scene.objective(scene.composed(x)), settings, lambda *_: marks.append(time.perf_counter())
    )
    return np.diff(marks).tolist()


def speed(nets: list[str], weights: Path | None) -> Figures:
    """The least over interleaved rounds, which other work disturbs least, and the peak memory of a process each."""
    found: Figures = {}
    for net in nets:
        for side in SPEED_SIDES:
            studio, scene, start = scene_of(net, weights, side)
            bare, stepped, run = [], [], bare_of(studio, start)
            run()
            for _ in range(ROUNDS):
                for _ in range(SPEED_STEPS - 1):
                    begun = time.perf_counter()
                    run()
                    bare.append(time.perf_counter() - begun)
                stepped += step_seconds(scene, start, studio.settings)
            del studio, scene, start, run
            memory = {kind: peak(net, weights, side, kind) for kind in ("bare", "step")}
            found[f"{net} at {side}"] = {
                "net": net, "side": side, "bare_seconds": min(bare), "step_seconds": min(stepped),
                "ratio": min(stepped) / min(bare), "ratio_of_medians": float(np.median(stepped) / np.median(bare)),
                "bare_megabytes": memory["bare"], "step_megabytes": memory["step"],
                "memory_ratio": memory["step"] / memory["bare"],
            }  # fmt: skip
            print(found[f"{net} at {side}"], flush=True)
    return found


def peak(net: str, weights: Path | None, side: int, kind: str) -> float:
    """Peak resident megabytes of a process of its own."""
    command = [sys.executable, __file__, "--peak", f"{net},{side},{kind}"]
    command += ["--weights", str(weights)] if weights else []
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(ran.stdout)


def measure_peak(what: str, weights: Path | None) -> None:
    """Print the peak of this process after a few steps, or a few passes of the bare network."""
    net, side, kind = what.split(",")
    studio, scene, start = scene_of(net, weights, int(side))
    if kind == "step":
        step_seconds(scene, start, studio.settings)
    else:
        run = bare_of(studio, start)
        del scene
        for _ in range(SPEED_STEPS):
            run()
    status = Path("/proc/self/status").read_text(encoding="utf-8")  # ru_maxrss would hold the parent's peak too
    print(int(status.split("VmHWM:")[1].split()[0]) / 1024)


def fast(model: Path) -> Figures:
    """One pass of a network that has learned flower, against painting the same photos."""
    from facerec.style.fast.painter import open_painter

    painter, shown, found = open_painter(model, threads=1), pictures(), {}
    tiles: list[Image] = []
    for name in ("china", "astronaut", "coffee"):
        photo = images.resize(shown[name], fitted(shown[name], FAST_SIDE))
        painter(photo)
        seconds = []
        for _ in range(5):
            begun = time.perf_counter()
            painted = painter(photo)
            seconds.append(time.perf_counter() - begun)
        found[name] = {"seconds": float(np.median(seconds))} | against(photo, painted, shown["flower"])
        if name not in NOT_SHOWN:
            tiles += [square(photo), square(painted)]
        print(name, found[name], flush=True)
    images.save(images.grid([square(shown["flower"]), *tiles], 1 + len(tiles)), PICTURES / "style-fast.jpg")
    card = {key: painter.card[key] for key in ("photos", "steps", "costs", "seconds") if key in painter.card}
    return {"photos": found, "model": card, "side": FAST_SIDE}


def against(photo: Image, painted: Image, style: Image) -> Figures:
    """Costs of the pass's painting, and how many steps, and seconds, painting from the photo takes to reach it."""
    settings = StyleSettings(size=FAST_SIDE, steps=FAST_STEPS)
    studio = Studio(settings)
    scene = studio.scene(photo, [style], None, fitted(photo, FAST_SIDE))
    with torch.no_grad():
        passed, before = (scene.objective(to_tensor(image)).numbers() for image in (painted, photo))
    curve: list[float] = []
    begun = time.perf_counter()
    minimise(scene.begin(None), lambda x: scene.objective(scene.composed(x)), settings,
             lambda _, costs: curve.append(costs.total.item()))  # fmt: skip
    seconds = (time.perf_counter() - begun) / len(curve)
    reached = next((step for step, total in enumerate(curve, start=1) if total <= passed[0]), None)
    return {
        "start_total": before[0], "total": passed[0], "style_share": passed[2] / before[2],
        "optimised_total": min(curve), "optimised_steps": len(curve), "optimised_seconds": seconds * len(curve),
        "relative_cost": passed[0] / min(curve), "steps_to_reach": reached,
        "seconds_to_reach": None if reached is None else reached * seconds,
    }  # fmt: skip


FAST_STEPS = 40


def page(found: Figures) -> str:
    """The figures as a page."""
    parts = {"curves": curves_page, "speed": speed_page, "fast": fast_page}
    lines = ["# Style transfer, measured", "", f"`{found['made_by']}`, {found['machine']}.", ""]
    for name, write in parts.items():
        if name in found:
            lines += [*write(found[name]), ""]
    return "\n".join(lines)


def curves_page(rows: Figures) -> list[str]:
    lines = [
        f"## Costs on the way: {STEPS} steps of Adam from the content, {SIDE} pixels",
        "",
        "Share: the style cost at the end, of that at the start; 5 % or less was wanted. Rising: share of steps",
        "after which the total was higher, and the largest such rise. Likeness: how the strength of edges (Sobel)",
        "correlates with the content's, beside the more alike of the other two contents, and beside the style picture.",
        "",
        "| content, style | net | beta | total | content | style | share | rising, most | likeness | others | style |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows.values():
        costs = [f"{row['start'][part]:.4g} -> {row['final'][part]:.4g}" for part in ("total", "content", "style")]
        pair = f"{row['content']}, {row['style']}"
        lines.append(
            f"| {pair} | {row['net']} | {row['beta']:g} | {' | '.join(costs)} | "
            f"{row['style_share']:.2%} | {row['rising_steps']:.1%}, {row['largest_rise']:.1%} | "
            f"{row['likeness']:.2f} | {row['likeness_of_others']:.2f} | {row['likeness_to_style']:.2f} |"
        )
    nets = ", ".join(dict.fromkeys(row["net"] for row in rows.values()))
    return [
        *lines,
        "",
        *(f"![costs of {content}](style-{content}.png)" for content, _ in PAIRS),
        "",
        "![content, style, and what the networks make of them](../pictures/style-networks.jpg)",
        "",
        f"From the left: content, style, {nets}.",
    ]


def speed_page(rows: Figures) -> list[str]:
    lines = [
        "## Seconds a step, and peak memory",
        "",
        f"One thread, the portrait as coffee; the least of {ROUNDS} interleaved rounds of {SPEED_STEPS - 1} steps,",
        "on an idle machine, and beside its ratio the medians'. Bare: forward and backward through",
        "the same layers of the same network to the picture's gradient, in torch. Memory: the peak of a process of its",
        "own, torch included. A ratio of 1.15 or less was wanted.",
        "",
        "| network | side | bare, s | a step, s | ratio | of medians | bare, MB | painting, MB | ratio |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows.values():
        lines.append(
            f"| {row['net']} | {row['side']} | {row['bare_seconds']:.3f} | {row['step_seconds']:.3f} | "
            f"{row['ratio']:.2f} | {row['ratio_of_medians']:.2f} | {row['bare_megabytes']:.0f} | "
            f"{row['step_megabytes']:.0f} | {row['memory_ratio']:.2f} |"
        )
    return [
        *lines,
        "",
        "random has the shape of packaged: where they differ, it is noise. SqueezeNet's own layers",
        "are so cheap that the Gram matrices of its 128 and 256 maps show beside them, most of all in small pictures.",
        "On a GPU: not measured, there was none.",
    ]


def fast_page(found: Figures) -> list[str]:
    model = found["model"]
    lines = [
        f"## In one pass: flower, {FAST_SIDE} pixels",
        "",
        f"A network that learned on {model['photos']} photos in {model['steps']} steps; ONNX Runtime, one thread.",
        "Cost: the total by the packaged features, of the photo, of the pass, and of painting by Adam from the photo.",
        "",
        "| photo | pass, s | painting, s (steps) | cost of the photo | of the pass | of painting | pass / painting | "
        "painting reaches it after |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, row in found["photos"].items():
        step = row["steps_to_reach"]
        reached = (
            f"{step} steps, {row['seconds_to_reach']:.1f} s" if step else f"more than {row['optimised_steps']} steps"
        )
        lines.append(
            f"| {name} | {row['seconds']:.2f} | {row['optimised_seconds']:.1f} ({row['optimised_steps']}) | "
            f"{row['start_total']:.3g} | {row['total']:.3g} | {row['optimised_total']:.3g} | "
            f"{row['relative_cost']:.2f} | {reached} |"
        )
    return [*lines, "", "![flower, and photos beside what the network makes of them](../pictures/style-fast.jpg)"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default="curves,speed,fast")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--peak", help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.peak:
        return measure_peak(options.peak, options.weights)
    nets = [net for net in NETS if net in CHOICES and (net != "squeezenet" or options.weights)]
    parts, fresh = options.parts.split(","), Figures()
    if "curves" in parts:
        fresh["curves"] = curves(nets, options.weights)
    if "speed" in parts:
        fresh["speed"] = speed(nets, options.weights)
    if "fast" in parts and options.model:
        fresh["fast"] = fast(options.model)
    file = RESULTS / "style.json"
    found: Figures = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    found |= {
        "made_by": "scripts/bench_style",
        "machine": f"torch {torch.__version__}, {platform.machine()}, {os.cpu_count()} cores",
    } | fresh
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "style.md").write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
