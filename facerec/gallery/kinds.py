"""Which index, and where: on the processor or on a GPU, exact or approximate, by name.

    exact      no approximation: numpy, faiss, or on a GPU faiss or torch; the default
    half       on a GPU: float16 says where to look, in half of its memory, and float32 compares
    FACTORY    faiss's own names: HNSW32, IVF1024,Flat;nprobe=16, SQ8 and so on

A GPU that fails is said once, and the processor goes on; one that was asked for and is not there is an error.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from facerec.errors import InvalidInput, MissingPart
from facerec.gallery.factory_index import Factory, Rescored, built, exact_of_too_few, names_of
from facerec.gallery.index import Knn, KnnIndex, build_index, faiss_knn, faiss_library
from facerec.gallery.layered import Build
from facerec.nearest import TorchNearest, cuda_devices
from facerec.records import Float32, Int64

if TYPE_CHECKING:
    from facerec.gallery.store import Gallery

EXACT, HALF = "exact", "half"
INDEX_SETTING = "index"
"""Under which a gallery keeps the kind that was chosen for it."""

DEVICES = ("cpu", "cuda", "auto")

log = logging.getLogger(__name__)


def index_in_use(gallery: Gallery) -> str:
    """The kind that was chosen for a gallery; exact where none was."""
    return gallery.setting(INDEX_SETTING) or EXACT


def index_builder(spec: str = EXACT, device: str = "cpu") -> Build:
    """What makes an index of ids (N,) and rows (N, 128).

    `device` is cpu, cuda, or auto: cuda where there is one that can be used, and a word in the log where there is one
    that cannot. Raises InvalidInput for a combination that there is not, MissingPart for a device that is not there.
    """
    if device not in DEVICES:
        raise InvalidInput(f"no device {device!r}; known: {', '.join(DEVICES)}")
    if not spec.strip():
        raise InvalidInput(f"an index has a name: {EXACT}, or one of faiss's such as HNSW32")
    if (device == "cuda" or (device == "auto" and cuda_devices())) and (found := _on_gpu(spec, device)):
        return found
    if spec == HALF:
        raise InvalidInput("the index 'half' is for GPUs: say --device cuda, or --index SQ8 on the processor")
    return build_index if spec == EXACT else Factory(spec)


def _on_gpu(spec: str, device: str) -> Build | None:
    """None where `auto` found a device that nothing installed can use."""
    try:
        require_gpu(spec)
    except MissingPart as error:
        if device == "cuda":
            raise
        log.warning("there is a CUDA device, but the processor searches: %s", error)
        return None
    if spec == EXACT:
        return lambda ids, rows: KnnIndex(ids, rows, partial(safely, gpu_knn, faiss_knn))
    if spec == HALF:
        return lambda ids, rows: Rescored(ids, rows, half_names)
    return partial(
        exact_of_too_few, lambda ids, rows: Rescored(ids, rows, lambda own: names_of(on_gpu(built(spec, own))))
    )


def require_gpu(spec: str) -> None:
    """Raise MissingPart unless something installed searches on a GPU as `spec` says."""
    if not cuda_devices():
        raise MissingPart("the driver reports no CUDA device: search with --device cpu")
    if gpu_faiss() is None and spec not in (EXACT, HALF):
        raise MissingPart(f"the index {spec!r} on a GPU needs faiss for GPUs: pip install 'facerec[gpu]'")


def gpu_faiss() -> Any | None:
    """faiss, where it is a build for GPUs that sees one."""
    faiss = faiss_library()
    return faiss if hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() else None


def on_gpu(index: Any) -> Any:
    """A faiss index, moved to the first GPU."""
    faiss = faiss_library()
    resources = faiss.StandardGpuResources()
    moved = faiss.index_cpu_to_gpu(resources, 0, index)
    moved.resources = resources  # as long as it is searched
    return moved


def gpu_knn(rows: Float32) -> Knn:
    """Exact search among rows in GPU memory, by faiss where its build can, else by torch."""
    if gpu_faiss() is None:
        return TorchNearest(rows)
    index = on_gpu(built("Flat", rows))

    def knn(probes: Float32, k: int) -> tuple[Float32, Int64]:
        scores, positions = index.search(probes, k)
        return scores, positions

    return knn


def half_names(rows: Float32) -> Callable[[Float32, int], Int64]:
    """Where to look, by float16 in GPU memory."""
    nearest = TorchNearest(rows, half=True)
    return lambda probes, count: nearest(probes, count)[1]


def safely(first: Callable[[Float32], Knn], second: Callable[[Float32], Knn], rows: Float32) -> Knn:
    """Search by the first until it fails (a device that is lost or full); that is said, and the second goes on."""
    current: list[Knn] = []

    def fall_back(error: RuntimeError) -> None:
        log.warning("search on the GPU failed, the processor goes on: %s", str(error).splitlines()[0])
        current[:] = [second(rows)]

    def knn(probes: Float32, k: int) -> tuple[Float32, Int64]:
        try:
            return current[0](probes, k)
        except RuntimeError as error:
            fall_back(error)
            return current[0](probes, k)

    try:
        current.append(first(rows))
    except RuntimeError as error:
        fall_back(error)
    return knn
