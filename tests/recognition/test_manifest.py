"""A manifest has a line for every template, and tells galleries apart that differ in one."""

from dataclasses import replace

import pytest

from facerec.errors import InvalidInput
from facerec.gallery import open_gallery
from facerec.recognition.manifest import Difference, compared, manifest, read_manifest, write_manifest
from tests.gallery.conftest import template_of


def test_a_picture_of_two_subjects_is_two_lines(tmp_path):
    """A gallery where one of them is missing, or has another embedding, is another gallery."""
    both, one, other = (open_gallery(tmp_path / f"{name}.db") for name in ("both", "one", "other"))
    anna = template_of("Anna", 1)
    ben = replace(anna, subject="Ben")
    strange = replace(ben, embedding=template_of("Ben", 2).embedding)
    for gallery, templates in ((both, [anna, ben]), (one, [anna]), (other, [anna, strange])):
        gallery.enroll(templates)
    made = [manifest(gallery, anna.encoder) for gallery in (both, one, other)]
    assert write_manifest(both, anna.encoder, tmp_path / "made.jsonl") == 2
    assert read_manifest(tmp_path / "made.jsonl") == made[0]
    assert compared(made[0], made[0]) == Difference(2, 0, 0, 0)
    assert compared(made[0], made[1]) == Difference(1, 0, 1, 0) and compared(*made[1::-1]) == Difference(1, 0, 0, 1)
    assert compared(made[0], made[2]) == Difference(1, 1, 0, 0) and compared(made[1], made[2]) == Difference(1, 0, 0, 1)


@pytest.mark.parametrize("embedding", ["[]", "{}"])
def test_what_is_no_digest_is_no_manifest(tmp_path, embedding):
    file = tmp_path / "made.jsonl"
    file.write_text(f'{{"image": "", "box": [], "encoder": "", "embedding": {embedding}}}')
    with pytest.raises(InvalidInput, match="is no manifest"):
        read_manifest(file)
