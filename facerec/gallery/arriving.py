"""People of an export enter a gallery: all of the file is checked before the first is stored."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, select

from facerec.errors import InvalidInput
from facerec.gallery.erasure import digest_of, erased
from facerec.gallery.exchange import Arrival, arrivals
from facerec.gallery.origins import add_origins
from facerec.gallery.progress import Progress, silent
from facerec.gallery.tables import SubjectRow
from facerec.gallery.writes import ADD_SUBJECT, Write, store_template, subject_id_of

TEMPLATES_AT_ONCE = 2000
"""In one transaction, about: others may write in between, and what was stopped is gone on with by starting it again."""

NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Arrived:
    """What became of an export's people.

    subjects  that were not enrolled before
    stored    templates
    known     templates that were there already
    erased    subjects who were erased here, and so were left out
    """

    subjects: int = 0
    stored: int = 0
    known: int = 0
    erased: int = 0

    def __add__(self, other: Arrived) -> Arrived:
        return Arrived(
            self.subjects + other.subjects, self.stored + other.stored, self.known + other.known,
            self.erased + other.erased,
        )  # fmt: skip


class Host(Protocol):
    """What people arrive in: a `Gallery`."""

    def uids(self) -> dict[str, str]: ...

    def take_in(self, arrivals: Sequence[Arrival]) -> Arrived: ...


def survey(source: Path) -> list[tuple[str, str]]:
    """Uid and name of everybody in an export, once all of it was checked. Raises what `arrivals` raises."""
    return [(arrival.uid, arrival.name) for arrival in arrivals(source)]


def take_all_in(
    host: Host, source: Path, people: list[tuple[str, str]], merge: bool = False, progress: Progress = silent
) -> Arrived:
    """Store everybody of an export who is not there yet; `people` is what its survey found.

    A subject is the one that it was in the gallery of origin, under the name that it has here now. Where another
    subject has its name, nothing at all is stored, unless `merge` says that the same name means the same person.
    Raises InvalidInput naming those who are in the way, and what `arrivals` raises.
    """
    if clashes := _clashes(people, host.uids(), merge):
        more = f" and {len(clashes) - NAMES_SHOWN} more" if len(clashes) > NAMES_SHOWN else ""
        raise InvalidInput(
            f"other subjects are enrolled as {', '.join(clashes[:NAMES_SHOWN])}{more}: rename them, or say with "
            "--merge that the same name means the same person; nothing was stored"
        )
    done, result = 0, Arrived()
    for part in _parts(arrivals(source)):
        result += host.take_in(part)
        done += len(part)
        progress(done, len(people))
    return result


def take_in(write: Write, arrivals: Sequence[Arrival]) -> Arrived:
    """Store some arrivals within one transaction."""
    gone = erased(write.connection)
    result = Arrived()
    for arrival in arrivals:
        result += Arrived(erased=1) if digest_of(arrival.uid) in gone else _take_one_in(write, arrival)
    return result


def uids(connection: Connection) -> dict[str, str]:
    """Every subject's uid -> its name."""
    return {row[0]: row[1] for row in connection.execute(select(SubjectRow.uid, SubjectRow.name))}


def _take_one_in(write: Write, arrival: Arrival) -> Arrived:
    name = write.connection.execute(select(SubjectRow.name).where(SubjectRow.uid == arrival.uid)).scalar()
    is_other = name is None
    is_new = is_other and not write.connection.execute(
        select(SubjectRow.id).where(SubjectRow.name == arrival.name)
    ).first()  # fmt: skip
    if is_new:
        write.add(ADD_SUBJECT, {"uid": arrival.uid, "name": arrival.name, "created_at": arrival.created_at})
    name = name or arrival.name
    stored = sum(
        store_template(replace(write, at=at), replace(template, subject=name)).is_new
        for template, at in arrival.templates
    )
    subject_id = subject_id_of(write.connection, name)
    if is_other and not is_new:
        add_origins(write.connection, subject_id, {digest_of(arrival.uid)}, write.at)
    if stored:
        write.record("enroll", subject_id, stored)
    return Arrived(int(is_new), stored, len(arrival.templates) - stored)


def _clashes(people: Iterable[tuple[str, str]], enrolled: dict[str, str], merge: bool) -> list[str]:
    """Names that mean two subjects: one enrolled and one arriving, or two arriving."""
    taken = {name: uid for uid, name in enrolled.items()}
    clashes = []
    for uid, name in people:
        if uid not in enrolled and taken.setdefault(name, uid) != uid and not merge:
            clashes.append(name)
    return clashes


def _parts(arrivals: Iterable[Arrival]) -> Iterator[list[Arrival]]:
    """Arrivals in parts of about as many templates as one transaction takes."""
    part: list[Arrival] = []
    for arrival in arrivals:
        part.append(arrival)
        if sum(len(one.templates) for one in part) >= TEMPLATES_AT_ONCE:
            yield part
            part = []
    if part:
        yield part
