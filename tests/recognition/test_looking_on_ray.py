"""A real Ray, on this machine, gives what the engine of processes gives; what it lacks or loses is said."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from dataclasses import fields, replace
from importlib.util import find_spec
from pathlib import Path
from subprocess import PIPE
from threading import Timer
from types import SimpleNamespace

import numpy as np
import pytest
from skimage import data

from facerec import images
from facerec.errors import FacerecError, InvalidInput, MissingPart
from facerec.gallery import open_gallery
from facerec.recognition import Recognizer
from facerec.recognition import looking_on_ray as on_ray
from facerec.recognition.looking import Recipe, Refused, Workers
from facerec.recognition.looking_on_ray import RayWorkers, portrait, row
from facerec.recognition.manifest import compared, manifest
from facerec.recognition.picture import read_picture
from facerec.recognition.ray_at_hand import Stops, _begun, _joined

RECIPE = Recipe("mtcnn", "default", "only")


def test_without_ray_one_is_told_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingPart, match=r"pip install 'facerec\[distributed\]'"):
        RayWorkers(RECIPE, 1, "digest")


def test_a_ray_that_was_imported_too_early_to_be_private_is_not_begun(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", SimpleNamespace(is_initialized=lambda: False))
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    with pytest.raises(InvalidInput, match="too early for it to be private"):
        RayWorkers(RECIPE, 1, "digest")


REMAKES = """
import pathlib, sys, time
while True:
    pathlib.Path(sys.argv[1]).mkdir(parents=True, exist_ok=True)
    (pathlib.Path(sys.argv[1]) / "log").write_text("x")
    print(flush=True)
    time.sleep(0.01)
"""


def test_whatever_interrupts_its_beginning_nothing_runs_on_and_no_folder_is_left(monkeypatch):
    """A process of Ray's that goes on makes its folder again."""
    psutil = pytest.importorskip("psutil")
    began = []

    def init(*_, _temp_dir, **__):
        began.append(subprocess.Popen([sys.executable, "-c", REMAKES, _temp_dir], stdout=PIPE))
        began[0].stdout.readline()
        assert stat.S_IMODE((Path(_temp_dir) / "log").stat().st_mode) == 0o600
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)

    def shutdown():  # the second one comes while it ends
        signal.raise_signal(signal.SIGINT)

    private = SimpleNamespace(utils=SimpleNamespace(set_sigterm_handler=None))
    ray = SimpleNamespace(
        init=init, shutdown=shutdown, exceptions=SimpleNamespace(RayError=RuntimeError), _private=private
    )
    with pytest.raises(KeyboardInterrupt), Stops() as stops, _begun(ray, 1, stops):
        pass
    folder = Path(began[0].args[-1]).parent
    with began[0]:
        assert not (psutil.pid_exists(began[0].pid) or folder.exists())
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL and "FACEREC_RAY_FOLDER" not in os.environ


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Portraits, a cat, and a file that is no picture: (subject, path)."""
    folder, portrait = tmp_path_factory.mktemp("photos"), data.astronaut()[:320, 100:420]
    taken = {
        "Ada/1.jpg": portrait, "Cat/1.jpg": data.chelsea()[:200, :200], "Ada/2.jpg": portrait[:, ::-1].copy(),
        "Ada/3.jpg": portrait[10:300, 10:300].copy(),
    }  # fmt: skip
    for name, pixels in taken.items():
        (folder / name).parent.mkdir(exist_ok=True)
        images.save(pixels, folder / name)
    (folder / "Ada" / "4.jpg").write_bytes(b"no picture")
    names = ["Ada/1.jpg", "Cat/1.jpg", "Ada/4.jpg", "Ada/2.jpg", "Ada/3.jpg"]
    return [(name.partition("/")[0], folder / name) for name in names]


@pytest.fixture(scope="module")
def own_ray():
    """One Ray for all tests that need one: it takes seconds to begin. In the end nothing of it may be left."""
    if not find_spec("ray"):
        pytest.skip("needs ray")
    before = processes()
    workers = RayWorkers(RECIPE, 2, Recognizer.open(detector="mtcnn", encoder="default").encoder)
    import ray

    begun, folder = [one for one in processes() if one not in before], Path(ray.get_runtime_context().get_temp_dir())
    yield workers
    workers.close()
    assert not ray.is_initialized() and not folder.parent.exists()
    assert begun and not pytest.importorskip("psutil").wait_procs(begun, timeout=20)[1]


@pytest.fixture(scope="module")
def ray(own_ray):
    """The module, imported when it is private."""
    return pytest.importorskip("ray")


def processes(title: str = "") -> list:
    """What this process began, and what that began, by the beginning of its title."""
    psutil = pytest.importorskip("psutil")  # Ray brings it along
    found = []
    for one in psutil.Process().children(recursive=True):
        try:
            if " ".join(one.cmdline()).startswith(title):
                found.append(one)
        except psutil.Error:  # it has ended
            continue
    return found


def test_a_face_travels_as_numbers_and_comes_back_the_same(photos):
    (meant,) = Recognizer.open(detector="mtcnn", encoder="default").portraits([photos[0][1]])
    back = portrait(row(meant))
    for found, sent in ((back.faces, meant.faces), (back.quality, meant.quality)):
        for field in fields(sent):
            assert getattr(found, field.name).tobytes() == getattr(sent, field.name).tobytes()
            assert getattr(found, field.name).shape == getattr(sent, field.name).shape
    assert back.embeddings.tobytes() == meant.embeddings.tobytes() and back.embeddings.shape == (1, 128)


def test_ray_makes_the_gallery_that_processes_make(photos, own_ray, tmp_path, monkeypatch):
    monkeypatch.setattr(on_ray, "BATCH", 2)  # three rounds, two of two blocks
    lookers = {"processes": (Workers(RECIPE, 1), 2), "ray": (own_ray, 3)}
    made, became = [], []
    for name, (looker, batch) in lookers.items():
        gallery = open_gallery(tmp_path / f"{name}.db")
        recognizer = Recognizer.open(gallery)
        became.append(list(recognizer.enroll_all([*photos, photos[0]], batch=batch, looker=looker)))
        made.append(manifest(gallery, recognizer.encoder))
    lookers["processes"][0].close()
    assert [one.outcome for one in became[1]][:5] == ["enrolled", "no_face", "bad_image", "enrolled", "enrolled"]
    assert became[0] == became[1]
    assert compared(*made).is_none and compared(*made).equal == 3


def test_it_listens_to_this_machine_alone_and_writes_where_nobody_else_reads(ray, own_ray, photos):
    own_ray.look([read_picture(photos[0][1])])()
    heard = [
        socket.laddr.ip
        for one in processes()
        for socket in one.net_connections()
        if socket.status == "LISTEN"
    ]  # fmt: skip
    assert heard and {ip.removeprefix("::ffff:") for ip in heard} == {"127.0.0.1"}
    private = Path(ray.get_runtime_context().get_temp_dir()).parent
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
    assert os.environ["RAY_AUTH_MODE"] == "token" and os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def test_what_a_killed_worker_had_is_looked_at_by_another(photos, own_ray, capfd):
    """And Ray says nothing of it among the answers."""
    pictures = [read_picture(path) for _, path in photos] * 6
    calm = own_ray.look(pictures)()
    answer = own_ray.look(pictures)
    while not (busy := processes("ray::MapBatches")):
        time.sleep(0.02)
    busy[0].kill()
    for found, meant in zip(answer(), calm, strict=True):
        if isinstance(meant, Refused):
            assert found == meant
        else:
            assert found.embeddings.tobytes() == meant.embeddings.tobytes()
    time.sleep(0.5)
    assert capfd.readouterr() == ("", "")


def test_pictures_that_kill_every_worker_are_not_tried_for_ever(ray, photos, own_ray, monkeypatch):
    monkeypatch.setattr(ray.data.DataContext.get_current(), "execution_no_progress_timeout_s", 3)
    monkeypatch.setattr(on_ray, "_look_there", lambda block, recipe: os._exit(1))
    with pytest.raises(FacerecError, match="for 3 s no worker of Ray has looked at a picture"):
        own_ray.look([read_picture(photos[0][1])])()


def test_what_goes_wrong_on_a_worker_is_said_in_a_line(photos, own_ray, monkeypatch):
    picture = read_picture(photos[0][1])
    with pytest.raises(InvalidInput, match="give paths or bytes"):
        own_ray.look([replace(picture, content=picture.decode())])()
    monkeypatch.setattr(own_ray, "_made_by", "facerec 0.0.1 with the encoder ffffffffffffffff")
    with pytest.raises(InvalidInput, match=r"a worker of Ray has facerec .*, this process facerec 0.0.1"):
        own_ray.look([picture])()
    monkeypatch.setattr(own_ray, "_recipe", Recipe("mtcnn", "nowhere/at/all", "only"))
    with pytest.raises(FacerecError, match="a worker of Ray failed: no encoder 'nowhere/at/all'") as caught:
        own_ray.look([picture])()
    assert "\n" not in str(caught.value)


def test_a_command_joins_the_ray_at_an_address_and_leaves_it_running(ray, own_ray, photos, tmp_path):
    """Also: it says nothing of its own, and a picture that no worker can take is refused alone."""
    folder = photos[0][1].parent.parent
    joins = {"RAY_ADDRESS": ray.get_runtime_context().gcs_address}
    ran = precompute(folder, tmp_path / "gallery.db", joins)
    assert ran.returncode == 2
    assert sorted(one["outcome"] for one in map(json.loads, ran.stdout.splitlines())) == [
        "bad_image", "enrolled", "enrolled", "enrolled", "no_face",
    ]  # fmt: skip
    assert ran.stderr == ""
    assert len(own_ray.look([read_picture(photos[0][1])])()) == 1


def test_a_face_that_is_meant_by_its_place_is_looked_for_there(photos, own_ray):
    first = read_picture(photos[0][1])
    box = tuple(own_ray.look([first])()[0].faces.boxes[0].tolist())
    there, elsewhere = own_ray.look([replace(first, place=box), replace(first, place=(0.0, 0.0, 20.0, 20.0))])()
    assert there.faces.boxes[0].tolist() == list(box)
    assert isinstance(elsewhere, Refused) and elsewhere.code == "face_not_found"


def test_a_killed_command_is_gone_on_with_by_starting_it_again(ray, own_ray, tmp_path):
    """In the middle of its rounds: nothing is lost, nothing is there twice, and the manifest is that of one process."""
    portrait, rng = data.astronaut()[:320, 100:420].astype(int), np.random.default_rng(0)
    (tmp_path / "people" / "Ada").mkdir(parents=True)
    for number in range(110):
        noisy = np.clip(portrait + rng.integers(-9, 10, portrait.shape), 0, 255).astype(np.uint8)
        images.save(noisy, tmp_path / "people" / "Ada" / f"{number:03}.jpg")
    joins = {"RAY_ADDRESS": ray.get_runtime_context().gcs_address}
    with subprocess.Popen(
        command(tmp_path / "people", tmp_path / "there.db"), stdout=PIPE, env=os.environ | joins
    ) as run:
        assert json.loads(run.stdout.readline())["outcome"] == "enrolled"
        run.kill()
    went_on = precompute(tmp_path / "people", tmp_path / "there.db", joins)
    outcomes = [json.loads(line)["outcome"] for line in went_on.stdout.splitlines()]
    assert outcomes == sorted(outcomes) and set(outcomes) == {"already_enrolled", "enrolled"} and len(outcomes) == 110
    here = Recognizer.open(open_gallery(tmp_path / "here.db"))
    list(here.enroll_all(("Ada", path) for path in sorted((tmp_path / "people" / "Ada").iterdir())))
    made = compared(manifest(here.gallery, here.encoder), manifest(open_gallery(tmp_path / "there.db"), here.encoder))
    assert made.is_none and made.equal == 110


def test_a_command_that_is_told_to_end_while_ray_begins_leaves_no_folder(ray, photos, tmp_path):
    """All of its processes are told, and twice, as `timeout` does it."""
    places = tempfile.mkdtemp(prefix="f-", dir="/tmp")  # short enough for Ray's sockets
    try:
        with subprocess.Popen(
            command(photos[0][1].parent.parent, tmp_path / "gallery.db"), stdout=PIPE, stderr=PIPE, text=True,
            start_new_session=True, env=os.environ | {"TMPDIR": places},
        ) as run:  # fmt: skip
            while not os.listdir(places):
                time.sleep(0.05)
            os.kill(run.pid, signal.SIGTERM)
            os.killpg(run.pid, signal.SIGTERM)
            killing = Timer(60, os.killpg, (run.pid, signal.SIGKILL))
            killing.start()
            _, said = run.communicate()
            killing.cancel()
        assert (run.returncode, said) == (130, "facerec: stopped; what was reported as stored is stored\n")
        assert os.listdir(places) == []
    finally:
        shutil.rmtree(places)


@pytest.mark.parametrize("token", ["", "0" * 64])
def test_nobody_joins_without_its_token(ray, own_ray, photos, tmp_path, token):
    joins = {"RAY_ADDRESS": ray.get_runtime_context().gcs_address, "RAY_AUTH_TOKEN": token}
    joins |= {"RAY_AUTH_MODE": "token" if token else "disabled", "RAY_NUM_REDIS_GET_RETRIES": "1"}  # a second, not 20
    ran = precompute(photos[0][1].parent.parent, tmp_path / "gallery.db", joins)
    assert ran.returncode == 2
    assert json.loads(ran.stdout)["reason"].startswith("no Ray answers at RAY_ADDRESS=127.0.0.1:")


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("nowhere", "give HOST:PORT or auto"),
        ("ray://127.0.0.1:10001", "give HOST:PORT or auto"),
        ("127.0.0.1:1", "refused"),
    ],
)
def test_where_no_ray_answers_it_is_said_at_once(ray, own_ray, address, why):
    with pytest.raises(InvalidInput, match=f"no Ray answers at RAY_ADDRESS={address}: .*{why}"), _joined(ray, address):
        pass


def command(folder: Path, gallery: Path) -> list[str]:
    words = ["precompute", folder, "--engine", "ray", "--workers", "1", "--json", "--gallery", gallery]
    return [sys.executable, "-m", "facerec", *map(str, words)]


def precompute(folder: Path, gallery: Path, more: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own, as a shell would run it."""
    return subprocess.run(
        command(folder, gallery), capture_output=True, text=True, env=os.environ | more, timeout=120
    )  # fmt: skip
