"""Pictures looked at by workers give what they give here, in order; what workers lose is said."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from weakref import finalize

import pytest
from skimage import data

from facerec import images
from facerec.errors import FacerecError, InvalidInput
from facerec.gallery import open_gallery
from facerec.recognition import Recognizer, looking
from facerec.recognition.enrollment import stored_rules
from facerec.recognition.looking import DecodingWorkers, Here, Recipe, Refused, Workers, looker_for
from facerec.recognition.manifest import compared, manifest, read_manifest, write_manifest
from facerec.recognition.picture import read_picture
from tests.fakes import ANNA, BERT, CARL, CELL, folder_of, picture, pipeline, points, save_picture

RECIPE = Recipe("mtcnn", "default", "only")


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """A portrait under several names, a cat, and a file that is no picture: (subject, path)."""
    folder, portrait = tmp_path_factory.mktemp("photos"), data.astronaut()[:320, 100:420]
    taken = {"Ada/1.jpg": portrait, "Ada/2.jpg": portrait[:, ::-1].copy(), "Cat/1.jpg": data.chelsea()[:200, :200]}
    for name, pixels in taken.items():
        (folder / name).parent.mkdir(exist_ok=True)
        images.save(pixels, folder / name)
    (folder / "Ada" / "3.jpg").write_bytes(b"no picture")
    names = ["Ada/1.jpg", "Cat/1.jpg", "Ada/3.jpg", "Ada/2.jpg"]
    return [(name.partition("/")[0], folder / name) for name in names]


def test_workers_make_the_gallery_that_this_process_makes(photos, tmp_path):
    made = []
    for name, workers in (("here", 1), ("there", 2)):
        gallery = open_gallery(tmp_path / f"{name}.db")
        recognizer = Recognizer.open(gallery)
        looker = looker_for(recognizer.pipeline, RECIPE, workers, "cpu")
        try:
            done = list(recognizer.enroll_all(photos, batch=1, looker=looker))
        finally:
            looker.close()
        assert [one.outcome for one in done] == ["enrolled", "no_face", "bad_image", "enrolled"]
        assert [one.source for one in done] == [str(path) for _, path in photos]
        made.append(manifest(gallery, recognizer.encoder))
    assert compared(*made).is_none and compared(*made).equal == 2


def test_how_a_folder_is_divided_into_batches_changes_no_bit(photos, tmp_path):
    """A run that was stopped goes on with other batches than one that was not."""
    made = []
    for name, order, batches in (("whole", photos, [4]), ("stopped", photos, [1, 3]), ("other", photos[::-1], [2, 2])):
        gallery, waiting = open_gallery(tmp_path / f"{name}.db"), iter(order)
        for size in batches:  # another process each time
            recognizer = Recognizer.open(gallery)
            list(recognizer.enroll_all(list(islice(waiting, size))))
        made.append(manifest(gallery, recognizer.encoder))
    assert made[0] == made[1] == made[2] and len(made[0]) == 2


def test_workers_that_decode_leave_the_rest_to_this_process(tmp_path):
    folder = folder_of(tmp_path / "people", [("Anna", ANNA), ("Bert", BERT)])
    (folder / "Anna" / "2.png").write_bytes(b"no picture")
    pictures = [read_picture(folder / name) for name in ("Bert/1.png", "Anna/2.png", "Anna/1.png")]
    here = Here(pipeline(), "only")
    looker = DecodingWorkers(here, 2)
    try:
        bert, none, anna = looker.look(pictures)()
    finally:
        looker.close()
    assert isinstance(none, Refused) and none.code == "bad_image"
    for found, meant in zip((bert, anna), here.look([pictures[0], pictures[2]])(), strict=True):
        assert found.embeddings.tobytes() == meant.embeddings.tobytes()


def test_a_batch_is_never_held_decoded_as_a_whole(tmp_path, monkeypatch):
    """And what is seen is the same, to the last bit."""
    pictures = [read_picture(save_picture(tmp_path / f"{n}.png", who)) for n, who in enumerate((ANNA, BERT, CARL) * 4)]
    meant = Here(pipeline(), "only").look(pictures)()
    plain, alive, most = looking.decoded, set(), []

    def followed(one):
        pixels = plain(one)
        alive.add(one.name)
        finalize(pixels, alive.remove, one.name)
        most.append(len(alive))
        return pixels

    monkeypatch.setattr(looking, "decoded", followed)
    monkeypatch.setattr(looking, "HELD", 2 * CELL**2)
    found = Here(pipeline(), "only").look(pictures)()
    assert len(most) == 12 and max(most) == 2 and not alive
    assert [one.embeddings.tobytes() for one in found] == [one.embeddings.tobytes() for one in meant]


def test_of_pictures_that_workers_decode_few_wait_decoded(monkeypatch):
    """However many batches are given ahead."""
    sent = []
    looker = DecodingWorkers(Here(pipeline(), "only"), 1)
    monkeypatch.setattr(looker, "_pool", SimpleNamespace(submit=lambda _, one: sent.append(one) or at_once(one)))
    pictures = [read_picture(picture(colour)) for colour in (ANNA, BERT, CARL) * 4]
    answers = [looker.look(pictures[:5]), looker.look(pictures[5:])]
    assert len(sent) == 2
    found = answers[0]()
    assert len(sent) == 7
    found += answers[1]()
    assert sent == pictures
    meant = Here(pipeline(), "only").look(pictures)()
    assert [one.embeddings.tobytes() for one in found] == [one.embeddings.tobytes() for one in meant]


def at_once(one):
    future = Future()
    future.set_result(looking.decoded(one))
    return future


def test_a_worker_that_is_killed_is_said(photos):
    looker = Workers(RECIPE, 1)
    try:
        looker.look([read_picture(photos[0][1])])()
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGKILL)
        with pytest.raises(FacerecError, match="ended before its time"):
            looker.look([read_picture(photos[0][1])])()
    finally:
        looker.close()


WAITING = """
import multiprocessing, os, signal, time
from facerec.recognition.enrollment import stored_rules
from facerec.recognition.looking import DecodingWorkers, Here
from facerec.recognition.picture import read_picture
from tests.fakes import ANNA, picture, pipeline
if __name__ == "__main__":
    looker = DecodingWorkers(Here(pipeline(), "only"), 2)
    looker.look([read_picture(picture(ANNA))])()
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_workers_end_with_whoever_started_them(tmp_path):
    script = tmp_path / "waiting.py"
    script.write_text(WAITING)
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": "."}
    )
    workers = [int(pid) for pid in done.stdout.split()]
    assert done.returncode == -signal.SIGKILL and workers
    for _ in range(100):
        if not any(is_running(pid) for pid in workers):
            break
        time.sleep(0.05)
    assert [pid for pid in workers if is_running(pid)] == []


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")  # one that has ended and that nobody has asked after is not running
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def test_workers_find_what_was_named_by_a_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "y.onnx").touch()
    recipe = Recipe("yunet:y.onnx#sha256=ab", "mine", "only")
    assert recipe == Recipe(f"yunet:{tmp_path}/y.onnx#sha256=ab", str(tmp_path / "mine"), "only")
    (tmp_path / "default").mkdir()
    assert Recipe("mtcnn", "default", "only").encoder == "default"
    address = "yunet:https://a.example/y.onnx#sha256=ab"
    assert (Recipe(address, "gone", "only").detector, Recipe(address, "gone", "only").encoder) == (address, "gone")


def test_rules_that_differ_behind_a_long_beginning_share_no_refusals():
    same = "only " + "d" * 300
    assert stored_rules(same + "a") != stored_rules(same + "b") and len(stored_rules(same)) <= 200
    assert stored_rules("only mtcnn") == "only mtcnn"


def test_nobody_looks_with_no_worker():
    with pytest.raises(InvalidInput, match="at least 1 worker"):
        looker_for(pipeline(), RECIPE, 0, "cpu")


def test_batches_that_are_given_ahead_are_stored_in_order(tmp_path):
    """However late the first answer comes."""
    here, asked = Here(pipeline(), "only"), []

    class Ahead:
        ahead = 2

        def look(self, pictures):
            asked.append(len(pictures))
            return lambda: here.look(pictures)()

        def close(self):
            pass

    people = [("Anna", ANNA), ("Bert", BERT), ("Carl", CARL)]
    folder = folder_of(tmp_path / "people", people)
    gallery = open_gallery(tmp_path / "gallery.db")
    samples = [(name, folder / name / "1.png") for name, _ in people]
    running = Recognizer(pipeline(), points(), gallery).enroll_all(samples * 2, batch=1, looker=Ahead())
    assert next(running).subject == "Anna" and asked == [1, 1, 1]
    outcomes = [(one.subject, one.outcome) for one in running]
    assert outcomes[:2] == [("Bert", "enrolled"), ("Carl", "enrolled")]
    assert [outcome for _, outcome in outcomes[2:]] == ["already_enrolled"] * 3
    assert [len(gallery.show(name).faces) for name, _ in people] == [1, 1, 1]


def test_manifests_of_equal_galleries_are_equal_and_others_are_told_apart(tmp_path):
    people = [("Anna", ANNA), ("Bert", BERT)]
    folder = folder_of(tmp_path / "people", people)
    galleries = [open_gallery(tmp_path / f"{name}.db") for name in "abc"]
    for gallery, names in zip(galleries, ("Anna Bert", "Bert Anna", "Anna"), strict=True):
        recognizer = Recognizer(pipeline(), points(), gallery)
        list(recognizer.enroll_all([(name, folder / name / "1.png") for name in names.split()]))
    first, second, less = (tmp_path / f"{name}.jsonl" for name in "abc")
    for gallery, target in zip(galleries, (first, second, less), strict=True):
        write_manifest(gallery, "e" * 64, target)
    assert first.read_bytes() == second.read_bytes() and b"Anna" not in first.read_bytes()
    found = compared(read_manifest(first), read_manifest(less))
    assert (found.equal, found.different, found.only_first, found.only_second) == (1, 0, 1, 0) and not found.is_none
    assert read_manifest(first) == manifest(galleries[0], "e" * 64)
    for content in (b"[1]\n", b"\x89PNG\r\n", b"{", b"\xff\xfe"):
        less.write_bytes(content)
        with pytest.raises(InvalidInput, match=r"is no manifest: `facerec gallery manifest FILE` writes one$"):
            read_manifest(less)
