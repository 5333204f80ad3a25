"""The training loop: composed pictures in, the averaged weights of the net out; goes on from its checkpoint."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from facerec.errors import DamagedFile, InvalidInput, MissingPart
from facerec.faces.single_shot import grid
from facerec.faces.single_shot_net import SingleShotNet
from facerec.records import Int64
from facerec.replacing import replacing
from facerec.training.face_detector.composing import Composer, Scene, mirrored
from facerec.training.face_detector.losses import Parts, loss
from facerec.training.face_detector.targets import assign


@dataclass(frozen=True, slots=True)
class DetectorSettings:
    """How the net is trained.

    steps          of the optimiser
    batch          pictures a step
    fresh          pictures that are made new for every step; the others of the batch were seen before
    pool           pictures that are kept to be seen again
    learning_rate  at its highest
    weight_decay   of AdamW
    warmup         share of the steps in which the rate rises
    average        decay of the weights' moving average, which is what is kept
    bf16           compute in bfloat16 where torch can
    seed           of weights, pictures and order
    """

    steps: int = 9000
    batch: int = 32
    fresh: int = 10
    pool: int = 4096
    learning_rate: float = 2.5e-3
    weight_decay: float = 0.02
    warmup: float = 0.03
    average: float = 0.999
    bf16: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.fresh <= self.batch <= self.pool:
            raise InvalidInput(f"0 < fresh <= batch <= pool is needed, not {self}")


class Batch:
    """Pictures and what shall be seen in them, as tensors.

    images     (B, 3, H, W)  float32  -1..1
    face       (B, cells)    int64    a row of the two below; -1 none, -2 not asked
    boxes      (M, 4)        float32  of all pictures
    landmarks  (M, 5, 2)     float32
    """

    def __init__(self, scenes: list[Scene]):
        pixels = np.stack([scene.picture for scene in scenes])
        self.images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 127.5 - 1
        starts = np.cumsum([0, *(len(scene.boxes) for scene in scenes)])
        self.face = torch.from_numpy(np.stack([_rows(s, first) for s, first in zip(scenes, starts, strict=False)]))
        self.boxes = torch.from_numpy(np.concatenate([scene.boxes for scene in scenes]))
        self.landmarks = torch.from_numpy(np.concatenate([scene.landmarks for scene in scenes]))


def _rows(scene: Scene, first: int) -> Int64:
    face = assign(scene.boxes, *scene.picture.shape[:2])
    return np.where(face >= 0, face + first, face)


class Pool:
    """Pictures that were made, a limited number of them: every batch has some new ones and some seen before."""

    def __init__(self, make: Callable[[], Scene], settings: DetectorSettings, random: np.random.Generator):
        self.make, self.settings, self.random = make, settings, random
        self.scenes: list[Scene] = []
        self.next = 0

    def batch(self) -> Batch:
        """So many pictures, each mirrored or not."""
        fresh = [self.make() for _ in range(self.settings.fresh)]
        old = self.settings.batch - len(fresh)
        if len(self.scenes) < old:
            fresh += [self.make() for _ in range(old)]
            old = 0
        picked = self.random.integers(len(self.scenes), size=old) if old else ()
        chosen = fresh + [mirrored(self.scenes[k]) if self.random.random() < 0.5 else self.scenes[k] for k in picked]
        for scene in fresh:
            self._keep(scene)
        return Batch(chosen)

    def _keep(self, scene: Scene) -> None:
        if len(self.scenes) < self.settings.pool:
            self.scenes.append(scene)
        else:
            self.scenes[self.next] = scene
            self.next = (self.next + 1) % self.settings.pool


class Training:
    """One run: net, optimiser, average and how far it is."""

    def __init__(self, settings: DetectorSettings, composer: Composer):
        torch.manual_seed(settings.seed)
        self.settings = settings
        self.net = SingleShotNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = {name: value.detach().clone() for name, value in self.net.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.net.parameters(), settings.learning_rate, weight_decay=settings.weight_decay
        )
        self.composer = composer
        self.pool = Pool(composer, settings, np.random.default_rng(settings.seed + 1))
        middles, strides = grid(composer.window, composer.window)
        self.middles, self.strides = torch.from_numpy(middles), torch.from_numpy(strides)
        self.step = 0

    def run(self, folder: Path, seconds: float, say: Callable[[str], None], every: int = 100) -> bool:
        """Train until the last step, or for so many seconds; whether it is done. Writes a checkpoint every so often."""
        start, seen = time.monotonic(), np.zeros(3)
        while self.step < self.settings.steps and time.monotonic() - start < seconds:
            parts = self.one_step()
            seen += [float(part.detach()) for part in parts]
            if self.step % every == 0:
                self.save(folder)
                score, box, landmarks = seen / every
                say(f"step {self.step} of {self.settings.steps}, {time.monotonic() - start:.0f} s: score {score:.4f}, "
                    f"box {box:.4f}, landmarks {landmarks:.4f}")  # fmt: skip
                seen[:] = 0
        self.save(folder)
        return self.step >= self.settings.steps

    def one_step(self) -> Parts:
        batch = self.pool.batch()
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate * pace(self.step / self.settings.steps, self.settings.warmup)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.settings.bf16):
            cells = self.net(batch.images.contiguous(memory_format=torch.channels_last))
        parts = loss(cells.float(), batch.face, batch.boxes, batch.landmarks, self.middles, self.strides)
        self.optimiser.zero_grad()
        parts.total().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 10.0)
        self.optimiser.step()
        self.step += 1
        self._into_average()
        return parts

    def _into_average(self) -> None:
        decay = min(self.settings.average, self.step / (self.step + 10))
        for name, value in self.net.state_dict().items():
            if value.is_floating_point():
                self.average[name].lerp_(value, 1 - decay)
            else:
                self.average[name].copy_(value)

    def save(self, folder: Path) -> None:
        """The run as it stands: weights, their average, the optimiser's state and the step."""
        kept = {f"net.{name}": value for name, value in self.net.state_dict().items()}
        kept |= {f"average.{name}": value for name, value in self.average.items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            kept |= {f"adam.{number}.{name}": value for name, value in state.items()}
        kept["step"] = torch.tensor(self.step)
        with replacing(folder / "checkpoint.safetensors") as fresh:
            save_file({name: value.contiguous() for name, value in kept.items()}, fresh)

    def start_from(self, checkpoint: Path) -> None:
        """Begin with the averaged weights of another run, at step 0.

        Raises MissingPart where there is no such file, and DamagedFile where it is no checkpoint.
        """
        try:
            self.average = _under(load_file(checkpoint), "average.")
            self.net.load_state_dict(self.average)
        except OSError as error:
            raise MissingPart(f"{checkpoint} cannot be read: {error.strerror}") from error
        except (SafetensorError, RuntimeError) as error:
            raise DamagedFile(f"{checkpoint} is no checkpoint of a face detector: {error}") from error

    def resume(self, folder: Path) -> None:
        """Go on from the folder's checkpoint, where there is one; with other pictures than those seen before it."""
        path = folder / "checkpoint.safetensors"
        if not path.exists():
            return
        kept = load_file(path)
        self.net.load_state_dict(_under(kept, "net."))
        self.average = _under(kept, "average.")
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in _under(kept, "adam.").items():
            number, _, key = name.partition(".")
            state.setdefault(int(number), {})[key] = value
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": state})
        self.step = int(kept["step"])
        self.composer.random = np.random.default_rng([self.settings.seed, self.step])


def _under(kept: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): value for name, value in kept.items() if name.startswith(prefix)}


def pace(progress: float, warmup: float) -> float:
    """Share of the learning rate at a share of the steps: up in a line, then down as a cosine, to a hundredth."""
    if progress < warmup:
        return (progress + 1e-3) / (warmup + 1e-3)
    return 0.01 + 0.99 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2
