"""Runs from whatever pictures there are, from weights that fit in part, with parts that stay as they are."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from facerec import images
from facerec.errors import InvalidInput
from facerec.faces.trunks import TRUNKS, ResidualTrunk
from facerec.learning.datasets import table_rows
from facerec.training import Material, train, train_from
from facerec.training.beginning import begin, read_weights
from tests.drawn_crops import drawn_crop, drawn_crops
from tests.tiny import CONFIG, tiny_settings


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Ten people with three crops each, one of them broken."""
    for place in range(30):
        path = tmp_path / "people" / f"name {place // 3}" / f"{place}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        images.save(drawn_crop(place // 3, place % 3), path)
    (tmp_path / "people" / "name 0" / "broken.png").write_bytes(b"")
    return tmp_path / "people"


OWN = CONFIG.replace("batch = 4", "subjects = 4\nper_subject = 2\ndistil = 0\ntriplet = 1")


def settings_file(folder: Path, more: str = "") -> Path:
    path = folder / "own.toml"
    path.write_text(OWN + more)
    return path


def split_of(run: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in table_rows(run / "faces" / "faces.csv"):
        found.setdefault(row["split"], set()).add(row["subject"])
    return found


def test_a_folder_per_subject_is_divided_by_subject_and_learned_from(people: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    material = train_from(settings_file(tmp_path), people, run)
    parts = split_of(run)
    assert len(parts["train"]) == 8 and len(parts["val"]) == 2 and not parts["train"] & parts["val"]
    assert material.crops == 24
    assert [(Path(source).name, bool(why)) for source, why in material.refused] == [("broken.png", True)]
    assert Material.read(run) == material


def test_another_share_and_another_seed_divide_otherwise(people: Path, tmp_path: Path) -> None:
    found = []
    for place, more in enumerate(("holdout = 0.5", "holdout = 0.5\nholdout_seed = 1", "holdout = 0.0")):
        train_from(settings_file(tmp_path, more), people, tmp_path / str(place))
        found.append(split_of(tmp_path / str(place)))
    assert [len(parts["train"]) for parts in found] == [5, 5, 10]
    assert found[0]["val"] != found[1]["val"] and "val" not in found[2]


def test_a_begun_run_needs_its_pictures_no_more(people: Path, tmp_path: Path) -> None:
    run, config = tmp_path / "run", settings_file(tmp_path)

    def stop(now, last) -> None:
        if now.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_from(config, people, run, stop)
    shutil.rmtree(people)
    assert train_from(config, people, run).crops == 24
    assert (run / "weights.safetensors").exists()


def test_a_list_whose_pictures_lie_anywhere(people: Path, tmp_path: Path) -> None:
    lines = [f"{path.relative_to(tmp_path)} {path.parent.name.split()[1]}" for path in sorted(people.rglob("*.png"))]
    (tmp_path / "list.txt").write_text("\n".join([*lines, "nowhere at all.png 3"]))
    material = train_from(settings_file(tmp_path), tmp_path / "list.txt", tmp_path / "run")
    assert material.crops == 24 and len(material.refused) == 2
    assert split_of(tmp_path / "run")["train"] <= {str(k) for k in range(10)}


def test_strangers_are_measured_on_the_way_and_the_log_knows(people: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    heard: list[float | None] = []
    more = 'holdout = 0.5\nvalidate = "val"\nvalidate_every = 2\nvalidate_fmr = 0.05'
    train_from(settings_file(tmp_path, more), people, run, lambda now, _: heard.append(now.tar))
    measured = [tar is not None for tar in heard]
    assert measured == [(step + 1) % 2 == 0 or step + 1 == len(heard) for step in range(len(heard))]
    assert all(0 <= tar <= 1 for tar in heard if tar is not None)
    with (run / "log.csv").open(newline="") as handle:
        assert [row["tar"] for row in csv.DictReader(handle)] == [str(tar) for tar in heard if tar is not None]
    assert images.load(run / "log.png").shape[2] == 3


def test_validation_on_people_who_are_learned_from_is_refused(faces: Path, tmp_path: Path) -> None:
    table = (faces / "faces.csv").read_text()
    (faces / "faces.csv").write_text(table.replace(",s3,val,", ",s2,val,"))
    config = tmp_path / "v.toml"
    config.write_text(CONFIG + 'validate = "val"\nvalidate_fmr = 0.1')
    with pytest.raises(InvalidInput, match="1 subjects of split val were trained on, s2 for one"):
        train_from(config, faces, tmp_path / "run")
    (faces / "faces.csv").write_text(table)
    config.write_text(CONFIG + 'validate = "val"\nvalidate_fmr = 1e-6')
    with pytest.raises(InvalidInput, match="impostor comparisons can show"):
        train_from(config, faces, tmp_path / "run")
    config.write_text(CONFIG + 'validate = "train"')
    with pytest.raises(InvalidInput, match="'train' is among the splits"):
        train_from(config, faces, tmp_path / "run")


def test_a_file_cannot_be_the_folder_of_a_run(people: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be the folder of a run"):
        train_from(settings_file(tmp_path), people, settings_file(tmp_path))


def test_what_changes_nothing_that_is_learned_may_change_on_the_way(faces: Path, tmp_path: Path) -> None:
    config, run = tmp_path / "c.toml", tmp_path / "run"
    config.write_text(CONFIG)

    def stop(now, last) -> None:
        if now.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_from(config, faces, run, stop)
    config.write_text(
        CONFIG.replace("checkpoint_every = 2", "checkpoint_every = 3")
        + 'validate = "val"\nworkers = 1\nvalidate_fmr = 0.1'
    )
    train_from(config, faces, run)
    assert (run / "settings.toml").read_text() == config.read_text()
    train_from(tmp_path / "c.toml", faces, tmp_path / "at once")
    whole, resumed = (read_weights(folder) for folder in (tmp_path / "at once", run))
    assert max((whole[name].double() - resumed[name].double()).abs().max() for name in whole) <= 1e-4


def test_a_run_begun_before_there_were_these_settings_goes_on(faces: Path, config: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"

    def stop(now, last) -> None:
        if now.step == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_from(config, faces, run, stop)
    (run / "material.json").write_text('{"crops": 12, "refused": []}')
    (run / "log.csv").write_text("step,loss,active,images_per_second,learning_rate\r\n4,0.5,1.0,99.0,0.001\r\n")
    train_from(config, faces, run)
    with (run / "log.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [row["step"] for row in rows] == ["4", "6"] and {row["tar"] for row in rows} == {""}


def wider() -> ResidualTrunk:
    return ResidualTrunk(stem=8, widths=(8, 16, 32), depths=(1, 1, 1))


def test_weights_that_fit_in_part_are_taken_over_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TRUNKS, "wider", wider)
    crops = drawn_crops(4, 3)
    train(tiny_settings(epochs=1), crops, tmp_path / "first")
    other = tiny_settings(trunk="wider", start=str(tmp_path / "first"), seed=5, epochs=1)
    with pytest.raises(InvalidInput, match="another network's"):
        begin(other, crops, tmp_path / "second")
    run, _ = begin(replace(other, start_strict=False), crops, tmp_path / "second")
    stored, own = read_weights(tmp_path / "first"), run.trunk.state_dict()
    told = json.loads((tmp_path / "second" / "start.json").read_text())
    assert set(told["loaded"]) | set(told["misshapen"]) == set(stored) and told["misshapen"] and told["loaded"]
    assert all(own[name].equal(stored[name]) for name in told["loaded"])
    assert all(own[name].shape != stored[name].shape for name in told["misshapen"])


def test_a_run_says_what_became_of_the_weights_it_started_from(
    faces: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(TRUNKS, "wider", wider)
    train_from(config, faces, tmp_path / "first")
    config.write_text(CONFIG.replace('"tiny"', '"wider"') + f'start = "{tmp_path / "first"}"\nstart_strict = false')
    for _ in range(2):
        start = train_from(config, faces, tmp_path / "second").start
        assert "weights taken over" in start and "of another shape" in start


def test_frozen_parts_stay_as_they_are_with_their_statistics(tmp_path: Path) -> None:
    crops = drawn_crops(4, 3)
    settings = tiny_settings(freeze=["0", "2"], epochs=2)
    begun, _ = begin(settings, crops, tmp_path / "run")
    before = {name: value.clone() for name, value in begun.trunk.state_dict().items()}
    train(settings, crops, tmp_path / "run")
    after = read_weights(tmp_path / "run")
    frozen = [name for name in before if name.split(".")[0] in ("0", "2")]
    assert any("running_mean" in name for name in frozen) and any("weight" in name for name in frozen)
    assert all(after[name].equal(before[name]) for name in frozen)
    assert not any(after[name].equal(before[name]) for name in before if name not in frozen and "weight" in name)
    with pytest.raises(InvalidInput, match="no stage nose; the network has: 0, 2"):
        begin(replace(settings, freeze=("nose",)), crops, tmp_path / "other")
    everything = tuple(name for name, _ in begun.trunk.named_children())
    with pytest.raises(InvalidInput, match="freeze leaves nothing"):
        begin(replace(settings, freeze=everything), crops, tmp_path / "other")


def test_workers_make_the_same_run(tmp_path: Path) -> None:
    crops = drawn_crops(6, 4)
    found = []
    for workers in (0, 1, 3):
        settings = tiny_settings(
            subjects=3, per_subject=2, distil=0, triplet=1, mine_every=1, epochs=6, workers=workers
        )
        train(settings, crops, tmp_path / str(workers))
        found.append(read_weights(tmp_path / str(workers)))
    for other in found[1:]:
        assert max((found[0][name].double() - other[name].double()).abs().max() for name in other) < 1e-6


def test_steps_of_several_batches_are_fewer(tmp_path: Path) -> None:
    crops = drawn_crops(6, 4)
    run, _ = begin(tiny_settings(accumulate=3, epochs=4), crops, tmp_path)
    assert run.settings.steps == 8  # 4 epochs of 6 batches
