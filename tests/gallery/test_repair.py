"""What `facerec doctor --repair` puts right, and what it leaves to backups and pictures."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from facerec.errors import GalleryUnusable
from facerec.gallery.snapshots import Snapshots


@pytest.fixture
def two(gallery, make):
    gallery.enroll([make("Anna", 1), make("Ben", 2)])
    return gallery


def behind_its_back(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_a_sound_gallery_is_left_as_it_is(two):
    generation = two.generation()
    assert two.repair() == [] and two.generation() == generation


def test_the_databases_own_indexes_are_made_again(two, path, make, holds):
    behind_its_back(
        path,
        "PRAGMA writable_schema = ON",
        "CREATE TABLE spare AS SELECT * FROM sqlite_master WHERE name = 'ix_face_image_sha256'",
        "DELETE FROM sqlite_master WHERE name = 'ix_face_image_sha256'",
    )
    behind_its_back(
        path,
        "INSERT INTO face SELECT 99, subject_id, source, 'f' || substr(image_sha256, 2), x1, y1, x2, y2,"
        " score, eye_distance, sharpness, yaw, pitch, roll, created_at FROM face WHERE id = 1",
        "INSERT INTO template SELECT 99, 99, encoder, embedding, generation, NULL, NULL FROM template WHERE id = 1",
    )
    behind_its_back(
        path, "PRAGMA writable_schema = ON", "INSERT INTO sqlite_master SELECT * FROM spare", "DROP TABLE spare"
    )
    assert any("index" in problem for problem in two.problems())
    assert two.repair() == ["the database's indexes were made again"]
    assert two.problems() == []


def test_a_damaged_file_is_left_to_a_backup(two, path):
    content = bytearray(path.read_bytes())
    content[-4096 * 2 :] = bytes(4096 * 2)
    path.write_bytes(content)
    with pytest.raises(GalleryUnusable, match="restore"):
        two.repair()
    assert path.read_bytes() == content


def test_rows_that_nothing_can_be_compared_with_are_removed(two, path, make, holds):
    behind_its_back(path, "DELETE FROM template WHERE id = 1")
    assert two.problems() == ["1 faces without a template"]
    assert two.repair() == ["1 faces without a template were removed", "1 subjects without a face were removed"]
    holds(two, [make("Ben", 2)])
    assert two.enroll([make("Anna", 1)]).stored == 1


@pytest.mark.parametrize("generation", [0, 7])
def test_the_generation_is_counted_again_and_never_goes_back(two, path, make, holds, encoder, generation):
    behind_its_back(path, f"UPDATE meta SET generation = {generation}")
    assert two.repair() == ["the gallery's generation was counted again"]
    assert two.generation() >= max(generation, 2)
    holds(two, [make("Anna", 1), make("Ben", 2)])


def test_a_damaged_embedding_names_its_picture_and_is_left_to_it(two, path, make, holds):
    behind_its_back(path, "UPDATE template SET embedding = zeroblob(512) WHERE id = 1")
    assert two.repair() == []
    assert two.problems() == ["1 templates hold no unit embedding: enroll their pictures again (album/1.jpg)"]
    two.enroll([make("Anna", 1)])
    holds(two, [make("Anna", 1), make("Ben", 2)])


def test_a_wrong_snapshot_is_found_and_written_again(two, path, make, holds, encoder, snapshots_always):
    two.load(encoder)
    kept = Snapshots(path).of(encoder)
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-1] + b"\0\0")
    part = kept.with_name(f".{kept.name}.part")
    part.write_bytes(b"half")
    assert any("no snapshot of this gallery" in problem for problem in two.problems())
    assert two.repair() == ["1 half-written files were removed", f"{kept.name} was removed and written again"]
    assert kept.read_bytes() == whole and not part.exists()
    assert two.problems() == []


def test_a_snapshot_that_does_not_say_what_the_gallery_says_is_found(two, path, encoder, snapshots_always):
    """Every digest is right: the gallery was changed by other means, and no event tells."""
    two.load(encoder)
    behind_its_back(path, "UPDATE template SET embedding = (SELECT embedding FROM template WHERE id = 2) WHERE id = 1")
    assert any("no snapshot of this gallery" in problem for problem in two.problems())
    two.repair()
    assert two.problems() == []
