"""Only regular files are read, names are harmless to print, and nothing is ever half written."""

import os
import socket
import stat

import numpy as np
import PIL.Image
import pytest

from facerec.errors import BadImage, ImageTooLarge, InvalidInput
from facerec.images import Limits, encode, find, is_picture_name, load, read_bytes, save, save_animation
from tests.images.samples import encoded, exif, original

CONTENT = encoded(original(), "PNG")


def refusal(path: object) -> str:
    """What is said instead of reading."""
    with pytest.raises(BadImage) as caught:
        load(path)
    message = str(caught.value)
    assert message.isprintable()
    return message


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    assert "No such file" in refusal(tmp_path / "a.jpg")


def test_a_folder_is_refused(tmp_path):
    assert "is a folder" in refusal(tmp_path)


def test_a_named_pipe_is_refused_without_waiting_for_its_writer(tmp_path):
    os.mkfifo(tmp_path / "a.jpg")
    assert "is a named pipe" in refusal(tmp_path / "a.jpg")


def test_a_pipe_that_takes_the_place_of_a_file_is_refused_too(tmp_path, monkeypatch):
    """The file is looked at, then replaced, then opened."""
    regular = os.stat(__file__)
    os.mkfifo(tmp_path / "a.jpg")
    monkeypatch.setattr(os, "stat", lambda *_, **__: regular)
    assert "is a named pipe" in refusal(tmp_path / "a.jpg")


def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("a.jpg")
        assert "is a socket" in refusal("a.jpg")


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
def test_a_device_is_refused(device):
    assert "is a device" in refusal(device)


def test_a_link_to_a_picture_is_followed_and_a_loop_is_not(tmp_path):
    (tmp_path / "a.png").write_bytes(CONTENT)
    (tmp_path / "link").symlink_to("a.png")
    assert load(tmp_path / "link").shape == original().shape
    (tmp_path / "round").symlink_to("and round")
    (tmp_path / "and round").symlink_to("round")
    assert "symbolic links" in refusal(tmp_path / "round")
    (tmp_path / "to a folder").symlink_to(tmp_path)
    assert "is a folder" in refusal(tmp_path / "to a folder")


def test_a_file_without_permission_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(CONTENT)
    (tmp_path / "a.png").chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)  # permissions do not hold for root
    try:
        assert "Permission denied" in refusal(tmp_path / "a.png")
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize(
    "name",
    ["Zoë 李.png", "a\nb.png", "\x1b[31mred.png", "\udcff\udcfe.png", "to\u202eleft.png", "n" * 251 + ".png"],
    ids=["letters", "line break", "escape", "not UTF-8", "turned around", "255 bytes"],
)
def test_odd_names_are_read_and_printed_harmlessly(tmp_path, name):
    path = os.path.join(tmp_path, name)
    with open(path, "wb") as file:
        file.write(CONTENT)
    assert load(path).shape == original().shape
    assert find(tmp_path) == [tmp_path / name]
    with open(path, "wb") as file:
        file.write(CONTENT[:50])
    assert refusal(path)
    os.unlink(path)
    assert "No such file" in refusal(path)


def test_a_name_that_cannot_be_one_is_refused():
    assert "null byte" in refusal("a\0b.png")
    assert "too long" in refusal("n" * 300)
    assert refusal("\ud800.png")


def test_more_bytes_than_allowed_are_not_read(tmp_path):
    with open(tmp_path / "a.png", "wb") as file:
        file.truncate(10**12)  # sparse: takes no room
    with pytest.raises(ImageTooLarge, match="1,000 bytes"):
        read_bytes(tmp_path / "a.png", Limits(bytes=1000))
    with pytest.raises(ImageTooLarge, match="64,000,000 bytes"):
        load(tmp_path / "a.png")


def test_as_many_bytes_as_allowed_are_read(tmp_path):
    (tmp_path / "a.png").write_bytes(CONTENT)
    assert read_bytes(tmp_path / "a.png", Limits(bytes=len(CONTENT))) == CONTENT


def test_find_lists_pictures_below_a_folder_sorted(tmp_path):
    wanted = ["a.JPG", "b/c/d.png", "b/e.tiff", "f.heic"]
    others = ["a.txt", ".hidden.jpg", "._a.jpg", ".folder/a.jpg", "b/.git/a.png", "jpg", "a.jpg.part"]
    for name in wanted + others:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "b" / "round").symlink_to(tmp_path)
    assert find(tmp_path) == [tmp_path / name for name in wanted]
    assert find(str(tmp_path)) == find(tmp_path)


def test_find_in_an_empty_folder_finds_nothing(tmp_path):
    assert find(tmp_path) == []


def test_find_outside_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for name in ("missing", "file"):
        with pytest.raises(InvalidInput, match="cannot be listed"):
            find(tmp_path / name)


@pytest.mark.parametrize("suffix", ["jpg", "JPEG", "png", "webp", "bmp", "gif", "tif", "TIFF", "avif", "heic"])
def test_picture_names_end_like_pictures(suffix):
    assert is_picture_name(f"a.b.{suffix}")
    assert not is_picture_name(f"a.{suffix}.txt")
    assert not is_picture_name(f".{suffix}")


@pytest.mark.parametrize("name, allowed", [("a.png", 0), ("a.jpg", 3), ("a.JPEG", 3)])
def test_a_saved_picture_is_read_again(tmp_path, name, allowed):
    save(original(), tmp_path / name)
    assert np.abs(load(tmp_path / name).astype(int) - original()).mean() <= allowed
    assert os.listdir(tmp_path) == [name]


def test_a_saved_picture_has_the_usual_permissions(tmp_path):
    save(original(), tmp_path / "a.png")
    (tmp_path / "usual").touch()
    assert stat.S_IMODE((tmp_path / "a.png").stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


def test_metadata_is_not_written(tmp_path):
    save(load(encoded(original(), "JPEG", exif=exif(6), comment=b"a secret", dpi=(300, 300))), tmp_path / "a.jpg")
    assert b"secret" not in (tmp_path / "a.jpg").read_bytes()
    with PIL.Image.open(tmp_path / "a.jpg") as picture:
        assert dict(picture.getexif()) == {}
        assert "comment" not in picture.info
        assert "exif" not in picture.info


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_while_saving_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    (tmp_path / "a.png").write_bytes(b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, full)
    with pytest.raises(InvalidInput, match="No space left"):
        save(original(), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.png"]


@pytest.mark.parametrize("name", ["a.gif", "a", "a.png.txt"])
def test_other_endings_are_not_written(tmp_path, name):
    with pytest.raises(InvalidInput, match=r"must end in \.png"):
        save(original(), tmp_path / name)


def test_saving_where_no_folder_is_is_refused(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be written"):
        save(original(), tmp_path / "missing" / "a.png")


def test_a_name_of_255_bytes_can_be_saved(tmp_path):
    save(original(), tmp_path / ("n" * 251 + ".png"))
    assert len(find(tmp_path)) == 1


def test_encoded_bytes_are_the_saved_ones(tmp_path):
    save(original(), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes() == encode(original(), "PNG")


def test_an_animation_is_written_whole_and_refused_otherwise(tmp_path) -> None:
    frames = [np.full((8, 9, 3), level, np.uint8) for level in (0, 120, 240)]
    save_animation(frames, tmp_path / "a.gif", milliseconds=100)
    with PIL.Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 3 and gif.size == (9, 8) and gif.info["duration"] == 100
    for wrong, name in (([], "b.gif"), ([frames[0], frames[0][:4]], "b.gif"), (frames, "b.png"), (frames, "no/b.gif")):
        with pytest.raises(InvalidInput):
            save_animation(wrong, tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == ["a.gif"]
