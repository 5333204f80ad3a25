"""A referee for landmarks that none of the detectors has learnt from: MediaPipe's face mesh (Apache-2.0).

The model is `mediapipe/modules/face_landmark/face_landmark.tflite` in the wheel of mediapipe 0.10.14, run by
ai-edge-litert. It sees 192x192 pixels around a face and says where 468 points of it lie; ours are among them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from facerec.geometry import apply, invert, similarity_transform, warp
from facerec.records import Image

SIDE = 192
EYES = ((33, 133), (362, 263))
"""The corners of each eye, left in the picture first; an eye is the middle between its corners."""
NOSE, MOUTH = 1, (61, 291)
AROUND = 1.5
"""The square that the model sees, in longer sides of the box around its own points."""


class FaceMesh:
    """Landmarks (5, 2) near given ones, which only say where to look."""

    def __init__(self, path: Path):
        from ai_edge_litert.interpreter import Interpreter

        self.model = Interpreter(str(path), num_threads=1)
        self.model.allocate_tensors()
        self.input = self.model.get_input_details()[0]["index"]
        self.outputs = [detail["index"] for detail in self.model.get_output_details()]

    def __call__(self, image: Image, landmarks: np.ndarray) -> np.ndarray:
        """Looked at three times: around the given landmarks, then around the model's own points."""
        middle = landmarks.mean(axis=0)
        across = np.linalg.norm(landmarks[1] - landmarks[0])
        down = np.linalg.norm(landmarks[:2].mean(axis=0) - landmarks[3:].mean(axis=0))
        side = 3.4 * max(across, down)
        angle = np.arctan2(*(landmarks[1] - landmarks[0])[::-1])
        for _ in range(3):
            points = self._seen(image, middle, side, angle)
            five = of_mesh(points)
            angle = np.arctan2(*(five[1] - five[0])[::-1])
            turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
            upright = points @ turn.T
            low, high = upright.min(axis=0), upright.max(axis=0)
            middle, side = turn.T @ ((low + high) / 2), AROUND * (high - low).max()
        return five

    def _seen(self, image: Image, middle: np.ndarray, side: float, angle: float) -> np.ndarray:
        """All points, (468, 2), in the square about `middle`."""
        along = np.array([np.cos(angle), np.sin(angle)]) * side / 2
        across = np.array([-along[1], along[0]])
        half = (SIDE - 1) / 2
        source = np.stack([middle, middle + along, middle + across])
        target = np.array([[half, half], [half + SIDE / 2, half], [half, half + SIDE / 2]])
        matrix = similarity_transform(source, target)
        pixels = warp(image, matrix, (SIDE, SIDE)).astype(np.float32) / 255
        self.model.set_tensor(self.input, pixels[None])
        self.model.invoke()
        points = self.model.get_tensor(self.outputs[0]).reshape(-1, 3)[:, :2]
        return apply(invert(matrix), points)


def of_mesh(points: np.ndarray) -> np.ndarray:
    """The five landmarks among the mesh's points: (468, 2) -> (5, 2)."""
    eyes = [points[list(corners)].mean(axis=0) for corners in EYES]
    return np.stack([*eyes, points[NOSE], points[MOUTH[0]], points[MOUTH[1]]])
