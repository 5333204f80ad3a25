"""Training the small net that places landmarks again: crops as the detector's first guess would show them."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import torch

from facerec.faces.landmark_net import LandmarkNet
from facerec.faces.single_shot import FACE, PLACES
from facerec.geometry import apply, similarity_transform
from facerec.learning.datasets import SIDE
from facerec.records import Float32, Image
from facerec.training.face_detector.composing import MIRRORED
from facerec.training.face_detector.labels import Labels, eye_distance
from facerec.training.face_detector.loop import pace
from facerec.training.face_detector.pasting import as_image, compressed

OFF, TURN, SIZE, EACH = 0.12, 7.0, 0.13, 0.05
"""How wrong the first guess may be (standard deviations): shift of all landmarks and of each, in distances between the
eyes; degrees; the logarithm of the size."""


class Guesses:
    """Faces as they look where landmarks were guessed, and how far the guesses are off."""

    def __init__(self, crops: np.ndarray, labels: Labels, seed: int):
        self.crops, self.labels, self.random = crops, labels, np.random.default_rng(seed)

    def batch(self, count: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Faces (N, 3, 64, 64) in -1..1 and shifts (N, 5, 2) in sides of the square."""
        faces, shifts = zip(*(self.one() for _ in range(count)), strict=True)
        pixels = torch.from_numpy(np.stack(faces)).permute(0, 3, 1, 2).float() / 127.5 - 1
        return pixels.contiguous(memory_format=torch.channels_last), torch.from_numpy(np.stack(shifts))

    def one(self) -> tuple[Image, Float32]:
        row = int(self.random.integers(len(self.crops)))
        crop, points = self.crops[row], self.labels.landmarks[row]
        if self.random.random() < 0.5:
            crop, points = np.ascontiguousarray(crop[:, ::-1]), points[MIRRORED] * [-1, 1] + [SIDE - 1, 0]
        matrix = similarity_transform(self.guess(points), PLACES)
        inner = float(np.exp(self.random.uniform(np.log(9), np.log(64))))  # pixels of the source across the square
        face = seen(crop, matrix, self.random, inner)
        return self.photographed(face), ((apply(matrix, points) - PLACES) / FACE).astype(np.float32)

    def guess(self, points: np.ndarray) -> np.ndarray:
        """Landmarks as the detector might place them."""
        random, eyes = self.random, eye_distance(points[None])[0]
        middle = points.mean(axis=0)
        turn, size = np.deg2rad(random.normal(0, TURN)), np.exp(random.normal(0, SIZE))
        linear = size * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        moved = (points - middle) @ linear.T + middle + random.normal(0, OFF * eyes, 2)
        return np.asarray(moved + random.normal(0, EACH * eyes, (5, 2)))

    def photographed(self, face: Image) -> Image:
        """In another light, noisy or compressed."""
        random = self.random
        if random.random() < 0.6:
            gain = np.exp(random.normal(0, 0.25) + random.normal(0, 0.05, 3))
            face = as_image(np.clip(face * gain + random.normal(0, 12), 0, 255))
        if random.random() < 0.15:
            face = np.repeat(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
        if random.random() < 0.15:
            x, y = random.integers(0, FACE, 2)
            face[y : y + random.integers(8, 26), x : x + random.integers(8, 26)] = random.integers(0, 256, 3)
        if random.random() < 0.25:
            face = compressed(face, int(random.integers(30, 95)))
        return face


def seen(crop: Image, matrix: np.ndarray, random: np.random.Generator, inner: float) -> Image:
    """A crop through a transform into the square, as from a picture in which the square is `inner` pixels wide."""
    border = tuple(int(value) for value in random.integers(0, 256, 3)) if random.random() < 0.5 else (0, 0, 0)
    face = cv2.warpAffine(crop, matrix, (FACE, FACE), flags=cv2.INTER_LINEAR, borderValue=border)
    side = round(inner)
    if side < FACE - 6 and random.random() < 0.6:
        small = cv2.resize(face, (side, side), interpolation=cv2.INTER_AREA)
        face = cv2.resize(small, (FACE, FACE), interpolation=cv2.INTER_LINEAR)
    return as_image(face)


def refine(
    guesses: Guesses, steps: int, say: Callable[[str], None], batch: int = 128, rate: float = 3e-3, seed: int = 0
) -> dict[str, torch.Tensor]:
    """Train the net; the moving average of its weights."""
    torch.manual_seed(seed)
    net = LandmarkNet().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    average = {name: value.detach().clone() for name, value in net.state_dict().items()}
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.01)
    lost = 0.0
    for step in range(1, steps + 1):
        faces, shifts = guesses.batch(batch)
        for group in optimiser.param_groups:
            group["lr"] = rate * pace(step / steps, 0.03)
        apart = (net(faces) - shifts).abs().mean()
        optimiser.zero_grad()
        apart.backward()
        optimiser.step()
        lost += float(apart.detach())
        decay = min(0.998, step / (step + 10))
        for name, value in net.state_dict().items():
            if value.is_floating_point():
                average[name].lerp_(value, 1 - decay)
            else:
                average[name].copy_(value)
        if step % 50 == 0:
            say(f"landmarks, step {step} of {steps}: {lost / 50:.4f} of the square's side")
            lost = 0.0
    return {name: value.contiguous() for name, value in average.items()}
