"""Templates encrypted at rest: keys, rows that are bound, rotation, and what must not lie anywhere in plain."""

import base64
import json
import logging
import secrets
import shutil
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from alembic import command

from facerec import failpoint
from facerec.errors import EncoderMismatch, GalleryUnusable, InvalidInput, MissingPart
from facerec.gallery import copies, encryption, open_gallery
from facerec.gallery.alone import take_alone
from facerec.gallery.arriving import survey, take_all_in
from facerec.gallery.connect import connect_file, create_file
from facerec.gallery.copies import backup, restore
from facerec.gallery.factory_index import Factory, FactoryIndex
from facerec.gallery.keys import add_key, find_keys, read_keys
from facerec.gallery.making import make_encrypted
from facerec.gallery.searcher import Searcher
from facerec.gallery.snapshots import Snapshots
from facerec.gallery.store import Gallery
from facerec.gallery.vault import Sealer
from tests.gallery.test_schema import config_for

pytest.importorskip("cryptography")


@pytest.fixture
def key_file(tmp_path, monkeypatch) -> Path:
    """A file with one key, away from the gallery, that the environment names."""
    path = tmp_path / "keys" / "gallery.key"
    path.parent.mkdir()
    monkeypatch.delenv("FACEREC_GALLERY_KEY", raising=False)
    monkeypatch.setenv("FACEREC_GALLERY_KEY_FILE", str(path))
    add_key(path)
    return path


@pytest.fixture
def sealed(gallery, key_file) -> Gallery:
    gallery.encrypt()
    return gallery


def rows(path: Path) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT id, embedding, sealed, key_id FROM template ORDER BY id").fetchall()


def run(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(statement)
        connection.commit()


def same(gallery: Gallery, templates) -> bool:
    """Are these templates what the gallery holds, bit for bit?"""
    stored = gallery.embeddings(templates[0].encoder)
    return stored.quarantined == 0 and np.array_equal(stored.rows, np.stack([one.embedding for one in templates]))


def test_what_is_stored_is_sealed_and_found_again(sealed, path, make, holds, encoder):
    templates = [make("Anna", 1), make("Anna", 2), make("Ben", 3)]
    sealed.enroll(templates)
    key = find_keys().newest.id
    for _, embedding, ciphertext, key_id in rows(path):
        assert embedding is None and len(ciphertext) == 540 and key_id == key
    assert same(open_gallery(path), templates) and sealed.stats().key_id == key
    assert Searcher(sealed, encoder).search(templates[2].embedding[None], 1)[0][0][0] == "Ben"
    assert sealed.enroll(templates).stored == 0 and sealed.problems() == []
    holds(sealed, templates)


def test_the_same_embedding_never_lies_the_same_way_twice(sealed, path, make):
    one = make("Anna", 1)
    sealed.enroll([one])
    before = rows(path)[0][2]
    sealed.remove("Anna")
    sealed.enroll([one])
    assert rows(path)[0][2] != before


def test_a_gallery_is_encrypted_later_and_keeps_nothing_plain(gallery, path, key_file, make, holds, snapshots_always):
    templates = [make("Anna", 1), make("Ben", 2)]
    gallery.enroll(templates)
    gallery.load(templates[0].encoder)
    assert list(path.parent.glob("*.snapshot"))
    other = open_gallery(path)
    assert gallery.encrypt().sealed == 2
    assert same(gallery, templates)
    assert leaks(path.parent, templates) == []
    assert same(other, templates)  # opened before, and finds out
    other.enroll([make("Zoë", 5)])
    assert all(embedding is None for _, embedding, _, _ in rows(path))
    holds(gallery, [*templates, make("Zoë", 5)])
    with pytest.raises(InvalidInput, match="already"):
        gallery.encrypt()


def leaks(folder: Path, templates) -> list[str]:
    """Files below a folder that hold eight numbers of an embedding in a row, as bytes, in base64 or in decimal."""
    found = []
    for file in folder.rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        for template in templates:
            plain = template.embedding.astype("<f4").tobytes()
            forms = [plain[32 * n : 32 * n + 32] for n in range(16)]
            forms += [base64.b64encode(plain)[64 * n : 64 * n + 64] for n in range(10)]
            forms += [template.embedding[n : n + 8].astype(">f4").tobytes() for n in range(0, 120, 8)]
            found += [file.name for form in forms if form in content]
    return sorted(set(found))


def test_the_search_for_leaks_sees_a_plain_gallery(gallery, path, make, tmp_path):
    gallery.enroll([make("Anna", 1)])
    gallery.export(tmp_path / "people.jsonl")
    assert {"gallery.db", "people.jsonl"} <= set(leaks(tmp_path, [make("Anna", 1)]))


def test_nothing_plain_lies_in_copies_exports_or_logs(sealed, path, make, tmp_path, encoder, snapshots_always, caplog):
    templates = [make("Anna", 1), make("Ben", 2)]
    with caplog.at_level(logging.DEBUG):
        sealed.enroll(templates)
        sealed.load(encoder)
        backup(path, tmp_path / "backup.db")
        sealed.export(tmp_path / "people.jsonl")
        sealed.repair()
    assert leaks(tmp_path, templates) == [] and not list(path.parent.glob("*.snapshot"))
    for word in (base64.b64encode(templates[0].embedding.tobytes()).decode()[:40], key_words()):
        assert word not in caplog.text


def key_words() -> str:
    return base64.b64encode(find_keys().newest.secret).decode()


def test_f46_without_the_key_nothing_opens_and_no_byte_is_touched(sealed, path, make, key_file, monkeypatch, holds):
    sealed.enroll([make("Anna", 1)])
    right, key_id = key_file.read_text(), find_keys().newest.id
    before = path.read_bytes()
    other = base64.b64encode(secrets.token_bytes(32)).decode()
    for wrong in ("", f"{other}\n"):
        key_file.write_text(wrong)
        with pytest.raises(GalleryUnusable, match=key_id):
            open_gallery(path)
    monkeypatch.setenv("FACEREC_GALLERY_KEY", other)
    with pytest.raises(GalleryUnusable, match=key_id) as refused:
        open_gallery(path)
    assert other not in str(refused.value)
    assert path.read_bytes() == before
    monkeypatch.delenv("FACEREC_GALLERY_KEY")
    key_file.write_text(right)
    assert same(open_gallery(path), [make("Anna", 1)])
    holds(open_gallery(path), [make("Anna", 1)])


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE template SET sealed = o.sealed FROM (SELECT id, sealed FROM template) o WHERE o.id = 3 - template.id",
        "UPDATE face SET subject_id = 3 - subject_id",
        "UPDATE template SET sealed = CAST(substr(sealed, 1, 100) || x'00' || substr(sealed, 102) AS BLOB)",
        "UPDATE meta SET database = replace(database, substr(database, 1, 1), '~')",
        "UPDATE template SET embedding = zeroblob(512), sealed = NULL, key_id = NULL",
    ],
    ids=["ciphertexts swapped", "faces swapped", "a byte changed", "carried to another gallery", "put there in plain"],
)
def test_f46_what_was_not_sealed_for_its_row_is_left_out_and_named(sealed, path, make, encoder, tampering):
    sealed.enroll([make("Anna", 1)])
    sealed.enroll([make("Ben", 2)])
    assert len(sealed.embeddings(encoder)) == 2
    run(path, tampering)
    again = open_gallery(path)
    stored = again.embeddings(encoder)
    assert (len(stored), stored.quarantined) == (0, 2)
    assert any("2 templates" in problem for problem in again.problems())
    with pytest.raises(GalleryUnusable, match="damaged"):
        Searcher(again, encoder).search(make("Anna", 1).embedding[None], 1)


def test_a_plain_template_slipped_in_among_sealed_ones_is_not_believed(sealed, path, make, encoder):
    sealed.enroll([make("Anna", 1), make("Ben", 2)])
    forged = make("Mallory", 3).embedding.astype("<f4").tobytes().hex()
    run(path, f"UPDATE template SET embedding = x'{forged}', sealed = NULL, key_id = NULL WHERE id = 1")
    stored = open_gallery(path).embeddings(encoder)
    assert (stored.names, stored.quarantined) == ({2: "Ben"}, 1)
    open_gallery(path).enroll([make("Anna", 1)])  # the picture again puts it right
    assert same(open_gallery(path), [make("Anna", 1), make("Ben", 2)])


def test_faces_that_change_their_subject_are_sealed_for_the_new_one(sealed, make, encoder, holds):
    sealed.enroll([make("Anna", 1), make("Anna", 2), make("Ben", 3)])
    sealed.move_face(1, "Ben")
    sealed.merge("Anna", "Ben")
    sealed.rename("Ben", "Benedict")
    templates = [make("Benedict", number) for number in (1, 2, 3)]
    assert same(sealed, templates)
    holds(sealed, templates)


def test_a_key_is_rotated_and_the_old_one_may_go(sealed, path, key_file, make, holds):
    templates = [make(f"Person {number}", number) for number in range(5)]
    sealed.enroll(templates)
    old = find_keys().newest.id
    new = add_key(key_file)
    other = open_gallery(path)
    assert sealed.rotate_key() == encryption.Resealed(new.id, 5, 0)
    assert {key_id for *_, key_id in rows(path)} == {new.id} and old != new.id
    other.enroll([make("Late", 9)])  # opened before, and seals with the new key
    key_file.write_text(base64.b64encode(new.secret).decode())
    templates.append(make("Late", 9))
    assert same(open_gallery(path), templates)
    holds(open_gallery(path), templates)


def test_a_rotation_killed_in_the_middle_is_gone_on_with(sealed, path, key_file, make, child, monkeypatch):
    templates = [make(f"Person {number}", number) for number in range(6)]
    sealed.enroll(templates)
    new = add_key(key_file)
    monkeypatch.setattr(encryption, "AT_ONCE", 2)
    assert child(lambda: killed("rotate.mid:kill:2", lambda: open_gallery(path).rotate_key()))[0] == -9
    assert [key_id == new.id for *_, key_id in rows(path)] == [True] * 2 + [False] * 4
    assert same(open_gallery(path), templates)  # both keys are at hand
    assert open_gallery(path).rotate_key().sealed == 4
    assert same(open_gallery(path), templates)


def killed(order: str, work: Callable[[], object]) -> None:
    failpoint.set_order(order)
    work()


def test_an_encrypted_gallery_keeps_no_approximate_index(gallery, path, key_file, make, encoder, snapshots_always):
    gallery.enroll([make("Anna", number) for number in range(5)])
    Searcher(gallery, encoder, Factory("SQ8")).current()
    assert len(list(path.parent.glob("*.snapshot"))) == 2
    gallery.encrypt()
    assert not list(path.parent.glob("*.snapshot"))
    Searcher(gallery, encoder, Factory("SQ8")).current()
    assert not list(path.parent.glob("*.snapshot"))


def test_what_was_loaded_before_the_gallery_was_encrypted_is_kept_in_no_file_after(
    gallery, path, key_file, make, encoder, snapshots_always, monkeypatch
):
    gallery.enroll([make("Anna", number) for number in range(5)])
    loaded, real = gallery.load(encoder), FactoryIndex.in_bytes

    def encrypted_meanwhile(index):
        open_gallery(path).encrypt()
        return real(index)

    monkeypatch.setattr(FactoryIndex, "in_bytes", encrypted_meanwhile)
    Searcher(gallery, encoder, Factory("SQ8")).current()
    assert not Snapshots(path).save(loaded, lambda: gallery._is_free_of_removed(loaded))
    assert not list(path.parent.glob("*.snapshot"))


def test_killed_while_it_is_encrypted_a_gallery_is_as_it_was(gallery, path, key_file, make, child, holds):
    gallery.enroll([make("Anna", 1)])
    assert child(lambda: killed("encrypt.sealed:kill", gallery.encrypt))[0] == -9
    assert rows(path)[0][2] is None
    holds(open_gallery(path), [make("Anna", 1)])
    assert open_gallery(path).encrypt().sealed == 1


def test_what_cannot_be_opened_is_left_by_a_rotation_and_counted(sealed, path, key_file, make):
    sealed.enroll([make("Anna", 1), make("Ben", 2)])
    run(path, "UPDATE template SET sealed = zeroblob(540) WHERE id = 1")
    add_key(key_file)
    done = sealed.rotate_key()
    assert (done.sealed, done.left) == (1, 1)


def test_an_encrypted_gallery_is_backed_up_restored_and_downgraded_never(sealed, path, make, tmp_path, key_file):
    sealed.enroll([make("Anna", 1)])
    backup(path, tmp_path / "b.db")
    sealed.remove("Anna")
    key = key_file.read_text()
    key_file.write_text("")  # neither needs the key
    restore(tmp_path / "b.db", tmp_path / "c.db")
    key_file.write_text(key)
    assert same(open_gallery(tmp_path / "c.db"), [make("Anna", 1)])
    with pytest.raises(GalleryUnusable, match="not downgraded"):
        command.downgrade(config_for(path), "0003")


def test_a_plain_backup_takes_the_place_of_an_encrypted_gallery_only_if_told_to(
    gallery, path, make, tmp_path, key_file
):
    gallery.enroll([make("Anna", 1)])
    backup(path, tmp_path / "plain.db")
    gallery.encrypt()
    before = rows(path)
    with pytest.raises(InvalidInput, match="--plain"):
        restore(tmp_path / "plain.db", path)
    assert rows(path) == before and open_gallery(path).stats().key_id
    restore(tmp_path / "plain.db", path, plain=True)
    assert open_gallery(path).stats().key_id is None and same(open_gallery(path), [make("Anna", 1)])


def test_a_process_that_is_running_notices_that_a_plain_backup_was_restored(
    gallery, path, make, tmp_path, key_file, encoder, holds
):
    templates = [make("Anna", 1), make("Ben", 2)]
    gallery.enroll(templates)
    backup(path, tmp_path / "plain.db")
    gallery.encrypt()
    running = [open_gallery(path) for _ in range(4)]
    searcher = Searcher(running[0], encoder)
    searcher.current()
    restore(tmp_path / "plain.db", path, plain=True)
    assert searcher.search(templates[1].embedding[None], 1)[0][0][0] == "Ben"
    assert same(running[1], templates)
    assert running[2].problems() == []
    assert running[3].export(tmp_path / "people.jsonl").templates == 2
    holds(running[0], templates)


def test_a_process_that_is_running_notices_that_another_encrypted_gallery_was_restored(
    sealed, path, make, tmp_path, encoder, holds
):
    """Under the same key; templates are bound to the gallery that they were sealed in."""
    sealed.enroll([make("Anna", 1)])
    other = open_gallery(tmp_path / "other.db")
    other.encrypt()
    other.enroll([make("Ben", 2)])
    searcher = Searcher(sealed, encoder)
    searcher.current()
    backup(tmp_path / "other.db", tmp_path / "backup.db")
    restore(tmp_path / "backup.db", path)
    assert searcher.search(make("Ben", 2).embedding[None], 1)[0][0][0] == "Ben"
    sealed.enroll([make("Carl", 3)])
    assert same(open_gallery(path), [make("Ben", 2), make("Carl", 3)])
    holds(sealed, [make("Ben", 2), make("Carl", 3)])


def test_a_process_that_only_reads_notices_another_key(sealed, path, key_file, make):
    sealed.enroll([make("Anna", 1), make("Ben", 2)])
    other = open_gallery(path)
    add_key(key_file)
    sealed.rotate_key()
    assert same(other, [make("Anna", 1), make("Ben", 2)])


@pytest.mark.parametrize("damage", ["the table", "the file", "a stranger's log"])
def test_where_a_gallery_cannot_be_read_it_may_have_been_encrypted(gallery, path, make, tmp_path, key_file, damage):
    gallery.enroll([make("Anna", 1)])
    for name in ("plain", "sealed"):
        backup(path, tmp_path / name)
        if name == "plain":
            gallery.encrypt()
    content = bytearray(path.read_bytes())
    if damage == "the table":
        run(path, "VACUUM")  # a row of `encryption` lies in the page of that table
        content = bytearray(path.read_bytes())
        start = content.index(find_keys().newest.id.encode()) // 4096 * 4096
        content[start : start + 4096] = bytes(4096)
    elif damage == "the file":
        content[:] = b"\0" * len(content)
    path.write_bytes(content)
    if damage == "a stranger's log":
        put_a_strangers_log_beside(path, tmp_path / "other.db", make)
    before = {file.name: file.read_bytes() for file in path.parent.glob("gallery.db*")}
    with pytest.raises(InvalidInput, match="nobody can tell"):
        restore(tmp_path / "plain", path)
    assert {file.name: file.read_bytes() for file in path.parent.glob("gallery.db*")} == before
    assert restore(tmp_path / "sealed", path).aside
    assert open_gallery(path).stats().key_id and same(open_gallery(path), [make("Anna", 1)])


def put_a_strangers_log_beside(path: Path, other: Path, make) -> None:
    open_gallery(other)
    with closing(connect_file(other)) as connection:
        connection.execute("SELECT * FROM meta").fetchall()
        open_gallery(other).enroll([make("Ben", number) for number in range(2, 30)])
        shutil.copy(f"{other}-wal", f"{path}-wal")


def test_a_gallery_that_is_encrypted_while_a_plain_backup_is_restored_is_left_encrypted(
    gallery, path, key_file, tmp_path, make, monkeypatch, holds
):
    """The backup has been read, and the gallery is not written to yet."""
    gallery.enroll([make("Anna", 1)])
    backup(path, tmp_path / "plain.db")

    def interfere(connection: sqlite3.Connection) -> None:
        gallery.encrypt()
        take_alone(connection)

    monkeypatch.setattr(copies, "take_alone", interfere)
    with pytest.raises(InvalidInput, match="--plain"):
        restore(tmp_path / "plain.db", path)
    assert gallery.stats().key_id == find_keys().newest.id and all(row[1] is None for row in rows(path))
    holds(open_gallery(path), [make("Anna", 1)])


def test_a_plain_backup_of_a_gallery_from_before_encryption_is_restored_over_it(path, tmp_path):
    """No table says how templates lie: they lie in plain."""
    create_file(path)
    with closing(connect_file(path, foreign_keys=False)) as connection:
        connection.executescript((Path(__file__).parent / "fixtures" / "0002.sql").read_text())
    shutil.copy(path, tmp_path / "old.db")
    assert restore(tmp_path / "old.db", path).templates == 5


@pytest.mark.parametrize("point", ["migration.before_commit", "encrypt.sealed"])
@pytest.mark.parametrize("action", ["raise", "kill"])
def test_on_a_server_there_is_an_encrypted_gallery_or_none(server, key_file, make, child, monkeypatch, point, action):
    def made() -> None:
        failpoint.set_order(f"{point}:{action}")
        make_encrypted(url)

    with server.fresh() as url:
        assert child(made)[0] != 0
        with pytest.raises(GalleryUnusable, match="there is no gallery"):
            open_gallery(url, create=False)
        done = make_encrypted(url)
        assert done.gallery.stats().key_id == done.key_id == find_keys().newest.id
        done.gallery.enroll([make("Anna", 1)])
        assert same(done.gallery, [make("Anna", 1)]) and done.gallery.problems() == []
        with pytest.raises(InvalidInput, match="something"):
            make_encrypted(url)
        done.gallery.close()


def test_nobody_is_encrypted_on_a_server_by_a_gallery_being_made(served, make, key_file):
    """`init` makes a gallery: one that is there is another command's."""
    served.enroll([make("Anna", 1)])
    with pytest.raises(InvalidInput, match="facerec gallery encrypt"):
        make_encrypted(served.url.render_as_string(hide_password=False))
    assert served.stats().key_id is None and same(served, [make("Anna", 1)])


def test_an_export_needs_the_key_and_its_rows_cannot_change_places(sealed, path, make, tmp_path, key_file):
    templates = [make("Anna", 1), make("Ben", 2)]
    sealed.enroll(templates)
    file = tmp_path / "people.jsonl"
    sealed.export(file)
    first, anna, *_ = map(json.loads, file.read_text("utf-8").splitlines())
    assert first["format"] == 2 and set(anna["faces"][0]["templates"][0]) == {"encoder", "key_id", "sealed"}
    plain = open_gallery(tmp_path / "plain.db")
    assert take_all_in(plain, file, survey(file)).stored == 2
    assert same(plain, templates) and plain.stats().key_id is None
    key_file.write_text("")
    with pytest.raises(GalleryUnusable, match=anna["faces"][0]["templates"][0]["key_id"]):
        survey(file)


def test_key_files_that_must_not_be_used_are_refused(tmp_path, key_file, gallery, path, monkeypatch):
    key_file.chmod(0o640)
    with pytest.raises(GalleryUnusable, match="chmod 600"):
        find_keys()
    key_file.chmod(0o600)
    almost = key_words()[:-5]
    key_file.write_text(f"{almost}\n")
    with pytest.raises(GalleryUnusable, match="no key") as refused:
        find_keys()
    assert almost not in str(refused.value)
    key_file.unlink()
    with pytest.raises(GalleryUnusable, match="new-key"):
        gallery.encrypt()
    beside = path.parent / "gallery.key"
    monkeypatch.setenv("FACEREC_GALLERY_KEY_FILE", str(beside))
    add_key(beside)
    with pytest.raises(InvalidInput, match="beside the gallery"):
        gallery.encrypt()
    assert gallery.stats().key_id is None


def test_a_key_moved_beside_an_encrypted_gallery_opens_nothing(sealed, path, key_file, monkeypatch):
    beside = key_file.rename(path.parent / "gallery.key")
    monkeypatch.setenv("FACEREC_GALLERY_KEY_FILE", str(beside))
    for opening in (lambda: open_gallery(path), sealed.rotate_key):
        with pytest.raises(InvalidInput, match="beside the gallery"):
            opening()
    monkeypatch.setenv("FACEREC_GALLERY_KEY_FILE", str(beside.rename(key_file)))
    assert open_gallery(path).rotate_key().left == 0


def test_keys_are_added_at_the_end_and_remarks_are_passed_over(key_file):
    first = find_keys().newest
    key_file.write_text(f"# made on a Monday\n{base64.b64encode(first.secret).decode()}  # the first\n\n")
    second = add_key(key_file)
    assert list(read_keys(key_file).keys) == [first.id, second.id] and find_keys().newest == second
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert base64.b64encode(second.secret).decode() not in repr(second) + repr(find_keys())


def test_sealing_is_aes_256_gcm_as_another_program_reads_it(key_file):
    """OpenSSL by way of the package's other interface: key, nonce, words, ciphertext, tag."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    ring = find_keys()
    sealed = Sealer(ring).seal(ring.newest.id, b"content", "words")
    mode = modes.GCM(sealed[:12], sealed[-16:])
    decryptor = Cipher(algorithms.AES256(ring.newest.secret), mode).decryptor()
    decryptor.authenticate_additional_data(b"words")
    assert decryptor.update(sealed[12:-16]) + decryptor.finalize() == b"content"
    assert Sealer(ring).unseal(ring.newest.id, sealed, "other words") == b""


def test_without_the_package_the_way_to_it_is_named(key_file, gallery, path, make, monkeypatch):
    gallery.encrypt()
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.ciphers.aead", None)
    with pytest.raises(MissingPart, match="encryption"):
        open_gallery(path)


def test_encoders_are_still_never_mixed(sealed, make, encoder, other_encoder):
    sealed.enroll([make("Anna", 1)])
    with pytest.raises(EncoderMismatch):
        Searcher(sealed, other_encoder).search(make("Anna", 1).embedding[None], 1)
