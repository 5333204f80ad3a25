"""The use cases, over fakes whose every answer can be foretold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from facerec import Recognizer, images
from facerec.errors import BadImage, EncoderMismatch, InvalidInput, ManyFaces, NoFace, NotEnrolled
from facerec.gallery import open_gallery
from facerec.gallery.fusion import fuse
from facerec.gallery.results import Calibration
from facerec.metrics.operating_points import OperatingPoints
from facerec.metrics.probability import Probability
from facerec.recognition.deciding import point_for
from facerec.recognition.heads import Cosine
from tests import fakes
from tests.fakes import ANNA, BERT, CARL, picture, save_picture


def recognizer(tmp_path: Path, face: str = "only", embed: fakes.Embed | None = None) -> Recognizer:
    return Recognizer(fakes.pipeline(embed), fakes.points(), open_gallery(tmp_path / "g.db"), face, "fake")


def outcomes(enrollments: object) -> list[str]:
    return [one.outcome for one in enrollments]


def test_the_same_face_matches_and_another_does_not(tmp_path: Path) -> None:
    known = Recognizer(fakes.pipeline(), fakes.points())
    same, other = known.verify(picture(ANNA), picture(ANNA)), known.verify(picture(ANNA), picture(BERT))
    assert (same.outcome, other.outcome) == ("match", "no_match")
    assert same.similarity == pytest.approx(1, abs=1e-6)
    assert same.point.fmr == 1e-3


def test_a_similarity_at_the_threshold_is_a_match() -> None:
    known = Recognizer(fakes.pipeline(), fakes.points((1e-3, 0.5)))
    similarity = known.verify(picture(ANNA), picture(BERT)).similarity
    at = Recognizer(fakes.pipeline(), fakes.points((1e-3, similarity)))
    assert at.verify(picture(ANNA), picture(BERT)).outcome == "match"


def test_verify_takes_paths_bytes_and_pixels_alike(tmp_path: Path) -> None:
    known = Recognizer(fakes.pipeline(), fakes.points())
    path = save_picture(tmp_path / "a.png", ANNA)
    answers = [known.verify(source, picture(ANNA)).similarity for source in (path, str(path), path.read_bytes())]
    assert answers == pytest.approx([1, 1, 1], abs=1e-6)


@pytest.mark.parametrize(
    "people, error", [((None,), NoFace), ((ANNA, BERT), ManyFaces)]
)  # fmt: skip
def test_verify_refuses_a_picture_that_does_not_show_one_face(people: tuple, error: type[Exception]) -> None:
    with pytest.raises(error):
        Recognizer(fakes.pipeline(), fakes.points()).verify(picture(ANNA), picture(*people))


@pytest.mark.parametrize("face, expected", [("largest", ANNA), ("centre", BERT)])
def test_a_rule_chooses_among_several_faces(face: str, expected: fakes.Colour) -> None:
    known = Recognizer(fakes.pipeline(), fakes.points(), face=face)
    assert known.verify(picture(ANNA, BERT, CARL), picture(expected)).outcome == "match"


def test_an_unmeasured_fmr_is_refused_with_the_measured_ones() -> None:
    with pytest.raises(InvalidInput, match=r"measured: 0.01, 0.001, 0.0001"):
        Recognizer(fakes.pipeline(), fakes.points()).verify(picture(ANNA), picture(ANNA), fmr=0.02)


def test_identify_names_every_face_and_says_unknown(tmp_path: Path) -> None:
    known = recognizer(tmp_path)
    assert outcomes(known.enroll("Anna", [picture(ANNA)])) == ["enrolled"]
    assert outcomes(known.enroll("Bert", [picture(BERT)])) == ["enrolled"]
    answers = known.identify(picture(BERT, CARL, ANNA), top=2)
    assert [one.subject for one in answers] == ["Bert", None, "Anna"]
    assert [one.outcome for one in answers] == ["match", "unknown", "match"]
    assert [one.box[0] for one in answers] == [10, 130, 250]
    assert all(len(one.candidates) == 2 and one.enrolled == 2 for one in answers)


def test_identify_answers_nothing_for_no_face_and_unknown_for_an_empty_gallery(tmp_path: Path) -> None:
    known = recognizer(tmp_path)
    assert known.identify(picture(None)) == ()
    (answer,) = known.identify(picture(ANNA))
    assert (answer.outcome, answer.similarity, answer.enrolled, answer.fpir) == ("unknown", None, 0, 0.0)


def test_one_change_is_seen_by_the_next_search(tmp_path: Path) -> None:
    known = recognizer(tmp_path)
    list(known.enroll("Anna", [picture(ANNA)]))
    assert known.identify(picture(ANNA))[0].subject == "Anna"
    known.gallery.rename("Anna", "Anne")
    assert known.identify(picture(ANNA))[0].subject == "Anne"
    known.gallery.remove("Anne")
    assert known.identify(picture(ANNA))[0].subject is None


def test_the_threshold_of_identify_grows_with_the_gallery() -> None:
    points = fakes.points((0.01, 0.4), (1e-3, 0.5), (1e-4, 0.6))
    assert [point_for(points, enrolled, 0.01).threshold for enrolled in (1, 10, 100)] == [0.4, 0.5, 0.6]
    assert point_for(points, 10_000, 0.01).threshold == 0.6  # the strictest there is; the answer's fpir tells
    assert point_for(points, 0, 0.01).threshold == 0.6
    with pytest.raises(InvalidInput):
        point_for(points, 1, 0)


def test_enrolling_again_stores_nothing_and_says_so(tmp_path: Path) -> None:
    embed = fakes.Embed()
    known = recognizer(tmp_path, embed=embed)
    samples = [("Anna", picture(ANNA)), ("Bert", picture(BERT)), ("Anna", picture(None)), ("Anna", picture(ANNA, CARL))]
    assert outcomes(known.enroll_all(samples)) == ["enrolled", "enrolled", "no_face", "many_faces"]
    generation, seen = known.gallery.generation(), embed.seen
    again = recognizer(tmp_path, embed=embed).enroll_all(samples)
    assert outcomes(again) == ["already_enrolled", "already_enrolled", "no_face", "many_faces"]
    assert (known.gallery.generation(), embed.seen) == (generation, seen)


def test_another_rule_looks_at_a_refused_picture_again(tmp_path: Path) -> None:
    assert outcomes(recognizer(tmp_path).enroll("Anna", [picture(ANNA, BERT)])) == ["many_faces"]
    assert outcomes(recognizer(tmp_path, "largest").enroll("Anna", [picture(ANNA, BERT)])) == ["enrolled"]


def test_a_bad_picture_is_refused_and_the_others_are_enrolled(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no picture")
    sources = [broken, tmp_path / "missing.jpg", save_picture(tmp_path / "a.png", ANNA)]
    results = list(recognizer(tmp_path).enroll("Anna", sources))
    assert [one.is_refused for one in results] == [True, True, False]
    assert all(one.reason for one in results[:2])


def test_the_same_picture_twice_in_one_batch_is_one_template(tmp_path: Path) -> None:
    known = recognizer(tmp_path)
    assert outcomes(known.enroll("Anna", [picture(ANNA), picture(ANNA)])) == ["enrolled", "already_enrolled"]
    assert known.gallery.stats().faces == 1


def test_the_default_operating_point_is_stored_and_decides(tmp_path: Path) -> None:
    known = recognizer(tmp_path)
    list(known.enroll("Anna", [picture(ANNA)]))
    assert known.gallery.operating_point(fakes.ENCODER) == fakes.points().at_fmr(1e-3)
    assert known.verify_subject("Anna", picture(ANNA)).outcome == "match"
    assert known.verify_subject("Anna", picture(CARL)).outcome == "no_match"
    with pytest.raises(NotEnrolled):
        known.verify_subject("Carl", picture(CARL))


def test_templates_of_another_encoder_are_never_compared(tmp_path: Path) -> None:
    list(recognizer(tmp_path).enroll("Anna", [picture(ANNA)]))
    other = recognizer(tmp_path, embed=fakes.Embed("f" * 64))
    with pytest.raises(EncoderMismatch):
        other.identify(picture(ANNA))
    with pytest.raises(EncoderMismatch):
        other.verify_subject("Anna", picture(ANNA))


def test_what_needs_a_gallery_says_so() -> None:
    with pytest.raises(InvalidInput, match="needs a gallery"):
        Recognizer(fakes.pipeline(), fakes.points()).identify(picture(ANNA))


def test_pixels_of_another_kind_are_refused() -> None:
    known = Recognizer(fakes.pipeline(), fakes.points())
    with pytest.raises(InvalidInput, match="uint8"):
        known.verify(np.zeros((120, 120, 3), np.float32), picture(ANNA))
    with pytest.raises(BadImage):
        known.verify(b"", picture(ANNA))


def test_an_unknown_rule_lists_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match="only, largest, centre"):
        Recognizer(fakes.pipeline(), fakes.points(), face="prettiest")


def test_a_saved_picture_gives_its_own_pixels_back(tmp_path: Path) -> None:
    path = save_picture(tmp_path / "x" / "a.png", ANNA, None)
    np.testing.assert_array_equal(images.load(path), picture(ANNA, None))


def test_a_folder_with_an_impossible_name_is_refused_and_the_others_are_enrolled(tmp_path: Path) -> None:
    samples = [(" ", picture(ANNA)), ("x" * 500, picture(ANNA)), ("Bert", picture(BERT))]
    assert outcomes(recognizer(tmp_path).enroll_all(samples)) == ["invalid_input", "invalid_input", "enrolled"]


def test_a_batch_asks_the_gallery_once_about_all_who_are_new_in_it(tmp_path: Path, monkeypatch) -> None:
    known, asked = recognizer(tmp_path), []
    people = {"Anna": ANNA, "Bert": BERT, "Carl": CARL}
    samples = [(name, picture(colour)) for name, colour in people.items()]
    assert outcomes(known.enroll_all(samples[:1])) == ["enrolled"]
    real = known.gallery.images_of

    def counted(encoder: str, subjects: set[str]) -> dict[str, set[str]]:
        asked.append(set(subjects))
        return real(encoder, subjects)

    monkeypatch.setattr(known.gallery, "images_of", counted)
    run = known.enroll_all([*samples[:2], (" ", picture(ANNA)), samples[2], *samples], batch=3)
    assert outcomes(run) == ["already_enrolled", "enrolled", "invalid_input", "enrolled", *["already_enrolled"] * 3]
    assert asked == [{"Anna", "Bert"}, {"Carl"}]


def test_an_encoder_without_thresholds_says_how_to_measure_them(tmp_path: Path) -> None:
    blind = Recognizer(fakes.pipeline(), OperatingPoints((), ()), open_gallery(tmp_path / "g.db"))
    for ask in (lambda: blind.verify(picture(ANNA), picture(ANNA)), lambda: blind.identify(picture(ANNA))):
        with pytest.raises(InvalidInput, match="--calibrate"):
            ask()


def test_a_refusal_that_depends_on_what_is_installed_is_not_remembered(tmp_path: Path) -> None:
    heic = tmp_path / "a.heic"
    heic.write_bytes(b"\x00\x00\x00\x18ftypheic" + bytes(40))
    known = recognizer(tmp_path)
    first, again = (next(iter(known.enroll("Anna", [heic]))) for _ in range(2))
    assert first.is_refused and again.reason == first.reason


CHANCE = Probability(20.0, -6.0, most=0.999, missed=0.02, subjects=100)


@pytest.mark.parametrize("similarity, outcome", [(0.6, "match"), (0.4, "undecided"), (0.2, "no_match")])
def test_what_is_likely_but_not_alike_enough_is_undecided(similarity: float, outcome: str) -> None:
    embed = fakes.Embed(alike={BERT: (ANNA, similarity)})
    known = Recognizer(fakes.pipeline(embed), fakes.points(), head=Cosine(fakes.points(), CHANCE))
    answer = known.verify(picture(ANNA), picture(BERT))
    assert answer.outcome == outcome and answer.undecided_from == pytest.approx(0.3)
    assert answer.probability == pytest.approx(1 / (1 + np.exp(6 - 20 * similarity)), abs=1e-4)


def test_nothing_is_undecided_at_a_threshold_below_even_odds_or_without_a_probability() -> None:
    embed = fakes.Embed(alike={BERT: (ANNA, 0.25)})
    points = fakes.points((0.05, 0.2), (1e-3, 0.5))
    sure = Recognizer(fakes.pipeline(embed), points, head=Cosine(points, CHANCE))
    assert sure.verify(picture(ANNA), picture(BERT), fmr=0.05).outcome == "match"
    blind = Recognizer(fakes.pipeline(fakes.Embed(alike={BERT: (ANNA, 0.45)})), points)
    answer = blind.verify(picture(ANNA), picture(BERT))
    assert (answer.outcome, answer.probability) == ("no_match", None)


@pytest.mark.parametrize("templates", ["fused", "each"])
def test_several_templates_are_compared_as_asked(tmp_path: Path, templates: str) -> None:
    embed = fakes.Embed(alike={BERT: (ANNA, 0.5)})
    known = Recognizer(fakes.pipeline(embed), fakes.points(), open_gallery(tmp_path / "g.db"), templates=templates)
    list(known.enroll("Anna", [picture(ANNA), picture(BERT)], force=True))
    rows = np.stack([embed.direction(colour) for colour in (ANNA, BERT)]).astype(np.float32)
    expected = float(fuse(rows) @ rows[0]) if templates == "fused" else 1.0
    (answer,) = known.identify(picture(ANNA))
    assert answer.similarity == pytest.approx(expected, abs=1e-5)
    assert (answer.enrolled, answer.compared) == (1, 1 if templates == "fused" else 2)
    assert known.verify_subject("Anna", picture(ANNA)).similarity == pytest.approx(expected, abs=1e-5)


def test_each_template_is_one_more_chance_for_a_stranger_and_the_threshold_knows(tmp_path: Path) -> None:
    embed = fakes.Embed(alike={BERT: (ANNA, 0.5)})
    known = Recognizer(fakes.pipeline(embed), fakes.points(), open_gallery(tmp_path / "g.db"), templates="each")
    list(known.enroll("Anna", [picture(ANNA), picture(BERT)], force=True))
    assert known.verify_subject("Anna", picture(ANNA), fmr=0.01).point.fmr == 1e-3
    fused = Recognizer(fakes.pipeline(embed), fakes.points(), known.gallery)
    assert fused.verify_subject("Anna", picture(ANNA), fmr=0.01).point.fmr == 0.01


def test_an_unknown_way_to_compare_templates_lists_the_known_ones(tmp_path: Path) -> None:
    known = Recognizer(fakes.pipeline(), fakes.points(), open_gallery(tmp_path / "g.db"), templates="best")
    with pytest.raises(InvalidInput, match="fused, each"):
        known.identify(picture(ANNA))


def test_identify_is_decided_by_the_gallerys_own_calibration(tmp_path: Path) -> None:
    known = recognizer(tmp_path, embed=fakes.Embed(alike={BERT: (ANNA, 0.55)}))
    list(known.enroll("Anna", [picture(ANNA)]))
    (before,) = known.identify(picture(BERT))
    assert (before.outcome, before.target_fpir) == ("match", 0.01)
    own = fakes.points((0.01, 0.45), (1e-3, 0.58))
    known.gallery.save_calibration(fakes.ENCODER, Calibration(1e-3, own))
    (after,) = known.identify(picture(BERT))
    assert (after.outcome, after.point.threshold, after.target_fpir) == ("unknown", 0.58, 1e-3)
    assert known.identify(picture(BERT), fpir=0.02)[0].point.threshold == 0.45
    (strict,) = known.identify(picture(BERT), fpir=1e-4)
    assert strict.fpir == pytest.approx(1e-3) and not strict.is_on_target
