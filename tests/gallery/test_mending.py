"""A face forgotten or moved, two names made one: and whoever follows the gallery sees it."""

from __future__ import annotations

import numpy as np
import pytest

from facerec.errors import InvalidInput, NotEnrolled
from facerec.gallery.refresh import refreshed
from facerec.gallery.store import Gallery


@pytest.fixture
def family(gallery: Gallery, make) -> Gallery:
    """Anna with pictures 0 to 2, Bert with 3 and 4, Carl with 5."""
    gallery.enroll([make("Anna" if n < 3 else "Bert" if n < 5 else "Carl", n) for n in range(6)])
    return gallery


def ids(gallery: Gallery, subject: str) -> list[int]:
    return [face.id for face in gallery.show(subject).faces]


def enrolled(gallery: Gallery) -> dict[str, int]:
    return {one.name: one.faces for one in gallery.subjects()}


def must_be_followed(gallery: Gallery, before, encoder: str) -> None:
    """Reading only what changed gives what reading everything gives."""
    with gallery._read() as connection:
        now = refreshed(connection, before).stored
    everything = gallery.embeddings(encoder)
    assert (now.state, now.names, now.missing) == (everything.state, everything.names, everything.missing)
    for name in ("template_ids", "subject_ids", "rows"):
        np.testing.assert_array_equal(getattr(now, name), getattr(everything, name))


def test_a_forgotten_face_is_gone_and_the_others_stay(family: Gallery, make, holds, encoder: str) -> None:
    before, first = family.embeddings(encoder), ids(family, "Anna")[0]
    gone = family.forget_face(first)
    assert (gone.subject, gone.into, gone.faces, gone.templates, gone.is_gone) == ("Anna", None, 1, 1, False)
    assert enrolled(family) == {"Anna": 2, "Bert": 2, "Carl": 1}
    holds(family, [make("Anna", n) for n in (1, 2)] + [make("Bert", 3), make("Carl", 5)])
    must_be_followed(family, before, encoder)


def test_a_subject_goes_with_its_last_face(family: Gallery, holds, make, encoder: str) -> None:
    before = family.embeddings(encoder)
    assert family.forget_face(ids(family, "Carl")[0]).is_gone
    assert enrolled(family) == {"Anna": 3, "Bert": 2}
    holds(family, [make("Anna", 0)])
    must_be_followed(family, before, encoder)


@pytest.mark.parametrize("to, expected", [("Bert", {"Anna": 2, "Bert": 3, "Carl": 1}),
                                          ("Dora", {"Anna": 2, "Bert": 2, "Carl": 1, "Dora": 1})])  # fmt: skip
def test_a_face_goes_to_another_subject_or_a_new_one(
    family: Gallery, make, holds, encoder: str, to: str, expected: dict[str, int]
) -> None:
    before = family.embeddings(encoder)
    moved = family.move_face(ids(family, "Anna")[1], to)
    assert (moved.subject, moved.into, moved.templates, moved.is_gone) == ("Anna", to, 1, False)
    assert enrolled(family) == expected
    holds(family, [make("Anna", 0), make(to, 1), make("Bert", 3)])
    must_be_followed(family, before, encoder)


def test_two_names_become_one(family: Gallery, make, holds, encoder: str) -> None:
    before = family.embeddings(encoder)
    merged = family.merge("Anna", "Bert")
    assert (merged.faces, merged.templates, merged.is_gone) == (3, 3, True)
    assert enrolled(family) == {"Bert": 5, "Carl": 1}
    holds(family, [make("Bert", n) for n in range(5)])
    must_be_followed(family, before, encoder)


def test_the_same_face_of_the_same_picture_is_kept_once(family: Gallery, make, holds, encoder: str) -> None:
    family.enroll([make("Bert", 0), make("Bert", 1, box=(100.0, 20.0, 150.0, 90.0))])
    before = family.embeddings(encoder)
    family.merge("Anna", "Bert")
    assert enrolled(family) == {"Bert": 6, "Carl": 1}  # picture 0 once; of picture 1 two faces
    must_be_followed(family, before, encoder)
    assert family.problems() == []


def test_all_encoders_templates_go_along(family: Gallery, make, other_encoder: str) -> None:
    family.enroll([make("Anna", 0, other_encoder)])
    moved = family.move_face(ids(family, "Anna")[0], "Carl")
    assert moved.templates == 2
    assert set(family.embeddings(other_encoder).names.values()) == {"Carl"}


def test_what_is_not_there_is_said(family: Gallery) -> None:
    generation = family.generation()
    for work in (lambda: family.forget_face(99), lambda: family.move_face(99, "Bert")):
        with pytest.raises(InvalidInput, match="no face 99"):
            work()
    with pytest.raises(NotEnrolled):
        family.merge("Nobody", "Anna")
    with pytest.raises(NotEnrolled):
        family.merge("Anna", "Nobody")
    with pytest.raises(InvalidInput, match="already"):
        family.merge("Anna", "Anna")
    with pytest.raises(InvalidInput, match="already"):
        family.move_face(ids(family, "Anna")[0], "Anna")
    assert family.generation() == generation


def test_templates_come_with_their_faces(family: Gallery, encoder: str) -> None:
    found = family.faces(encoder)
    names = [found.stored.names[owner] for owner in found.stored.subject_ids.tolist()]
    assert [face.source for face in found.faces] == [f"album/{n}.jpg" for n in range(6)]
    assert names == ["Anna"] * 3 + ["Bert"] * 2 + ["Carl"]
    assert found.faces[0].quality["eye_distance"] == 40
    assert family.faces("f" * 64).faces == ()


def test_the_bytes_of_a_forgotten_face_are_overwritten(family: Gallery, make, path) -> None:
    written = make("Anna", 1).embedding.astype("<f4").tobytes()
    files = [path, *path.parent.glob(f"{path.name}-wal")]
    assert any(written in file.read_bytes() for file in files)
    family.forget_face(ids(family, "Anna")[1])
    assert not any(written in file.read_bytes() for file in path.parent.iterdir() if file.is_file())
