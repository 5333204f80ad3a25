"""The engines that bench_runtimes compares, each in a process of its own that embeds when it is asked."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

THREADS = len(os.sched_getaffinity(0))

Embed = Callable[[np.ndarray], np.ndarray]
Open = Callable[[Path, int], Embed]
"""An encoder's folder and a number of threads -> what embeds."""


def by_onnxruntime(file: str) -> Open:
    def opened(folder: Path, threads: int) -> Embed:
        from facerec.runtime import open_graph

        graph = open_graph(folder / file, threads)
        return lambda pixels: graph(pixels)[0]

    return opened


def by_openvino(file: str, precision: str, cached: bool = False) -> Open:
    def opened(folder: Path, threads: int) -> Embed:
        import openvino

        settings = {
            "INFERENCE_PRECISION_HINT": precision,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
        }
        if cached:
            settings["CACHE_DIR"] = str(folder / "cache")
        request = openvino.Core().compile_model(folder / file, "CPU", settings).create_infer_request()
        return lambda pixels: request.infer([pixels])[0].copy()

    return opened


def by_torch(precision: str) -> Open:
    def opened(folder: Path, threads: int) -> Embed:
        import torch

        torch.set_num_threads(threads)
        module = torch_module(folder).to(memory_format=torch.channels_last)

        def embed(pixels: np.ndarray) -> np.ndarray:
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
                return module(torch.from_numpy(pixels)).numpy()

        return embed

    return opened


def torch_module(folder: Path) -> Any:
    """The encoder's network in torch, from its card and weights."""
    from safetensors.torch import load_file

    from facerec.faces.encoder import Card
    from facerec.faces.encoder_export import PixelsToEmbedding
    from facerec.faces.trunks import create_trunk, load_weights

    card = Card.read(folder)
    trunk = create_trunk(card.trunk)
    load_weights(trunk, load_file(folder / "weights.safetensors"))
    return PixelsToEmbedding(trunk, card.facts.get("mirror", True)).eval()


ENGINES: dict[str, Open] = {
    "ONNX Runtime fp32": by_onnxruntime("encoder.onnx"),
    "ONNX Runtime int8": by_onnxruntime("int8.onnx"),
    "OpenVINO fp32": by_openvino("encoder.onnx", "f32"),
    "OpenVINO bf16": by_openvino("encoder.onnx", "bf16"),
    "OpenVINO int8": by_openvino("int8.onnx", "f32"),
    "torch fp32": by_torch("fp32"),
    "torch bf16": by_torch("bf16"),
}
COLD = {"OpenVINO bf16, compiled before": by_openvino("encoder.onnx", "bf16", cached=True)}
PACKAGES = {"OpenVINO": "openvino", "ONNX": "onnxruntime", "torch": "torch"}


def clock_of(threads: int) -> Callable[[], float]:
    """Of one thread its processor time, which a busy machine hardly changes; of several the clock on the wall."""
    return time.process_time if threads == 1 else time.perf_counter


def serve(name: str, folder: Path, threads: int, pipe: Connection) -> None:
    """A process that embeds when it is asked: (faces, calls) -> (milliseconds of each call, the last embeddings)."""
    clock, embed = clock_of(threads), ENGINES[name](folder, threads)
    while (asked := pipe.recv()) is not None:
        faces, calls = asked
        spent = []
        for _ in range(calls):
            start = clock()
            rows = embed(faces)
            spent.append((clock() - start) * 1e3)
        pipe.send((spent, rows))


class Engine:
    """The near end of such a process."""

    def __init__(self, name: str, folder: Path, threads: int):
        context = multiprocessing.get_context("spawn")
        self.pipe, far = context.Pipe()
        self.process = context.Process(target=serve, args=(name, folder, threads, far), daemon=True)
        self.process.start()
        far.close()

    def ask(self, faces: np.ndarray, calls: int) -> tuple[list[float], np.ndarray]:
        self.pipe.send((faces, calls))
        answer: tuple[list[float], np.ndarray] = self.pipe.recv()
        return answer

    def stop(self) -> None:
        self.pipe.send(None)
        self.process.join()
