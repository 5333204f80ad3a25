"""Is this the same person, and who is it? The two questions, answered with a stated error."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from facerec.errors import InvalidInput
from facerec.faces.align import align
from facerec.faces.detector import create_detector, detector_identity
from facerec.faces.encoder import open_encoder
from facerec.faces.gate import Gate
from facerec.faces.pipeline import FacePipeline, Portraits
from facerec.faces.quality import quality
from facerec.gallery.fusion import COMBINED, EACH, FUSED
from facerec.metrics.identification import expected_fpir
from facerec.metrics.operating_points import OperatingPoints
from facerec.recognition.admission import Admission
from facerec.recognition.choice import choice_named
from facerec.recognition.deciding import FMR, point_for, search_calibration
from facerec.recognition.encoder_in_use import DEFAULT, encoder_in_use
from facerec.recognition.enrollment import BY_OTHERS, Enroller, Enrollment, Sample
from facerec.recognition.heads import Cosine, Head, head_named
from facerec.recognition.looking import Here, Looker
from facerec.recognition.picture import Source, read_picture
from facerec.records import Faces, Float32, Identification, Image, OperatingPoint, Verification

if TYPE_CHECKING:
    from facerec.gallery.elsewhere import RemoteSearcher
    from facerec.gallery.results import StoredEmbeddings
    from facerec.gallery.searcher import Searcher
    from facerec.gallery.store import Gallery


class Recognizer:
    """Verifies, enrolls and identifies, through one detector, one encoder and, for what needs it, one gallery."""

    def __init__(
        self, pipeline: FacePipeline, points: OperatingPoints, gallery: Gallery | None = None, face: str = "only",
        detector: str = "custom", head: Head | None = None, templates: str | None = None,
        index: str | None = None, device: str = "cpu",
    ):  # fmt: skip
        self.pipeline, self.points, self.detector, self.face = pipeline, points, detector, face
        self._gallery, self._choose, self._templates = gallery, choice_named(face), templates
        self.head = Cosine(points) if head is None else head
        self._index, self._device = index, device

    @classmethod
    def open(
        cls, gallery: str | Path | Gallery | None = None, *, detector: str = "mtcnn",
        encoder: str | Path | None = None, face: str = "only", head: str = "cosine", templates: str | None = None,
        index: str | None = None, device: str = "cpu",
    ) -> Recognizer:  # fmt: skip
        """A recognizer of the packaged or named parts.

        gallery   a file, a postgresql:// URL or an open Gallery; None is enough to verify two pictures
        detector  see `facerec.faces.detector.create_detector`
        encoder   a packaged name, or a folder that `facerec export` wrote; None: the one that the gallery uses
        face      where one face is meant and a picture shows several: "only" refuses it, "largest" and "centre" choose
        head      how two faces are verified: by the "cosine", or by the encoder's "binary" head where it has one; to
                  identify somebody the cosine is used always
        templates how several templates of a subject are compared: "fused" into one, or "each", of which the most
                  similar counts; None: fused, and each where the index is not in this process
        index     how everybody is searched: "exact", or approximately by a name of faiss's, such as "HNSW32"; None: as
                  was chosen for the gallery
        device    where: "cpu", "cuda", or "auto"; see `facerec.gallery.kinds.index_builder`. Of no use, and "cuda" an
                  error, where the index is not in this process
        """
        if isinstance(gallery, str | os.PathLike):
            from facerec.gallery import open_gallery

            gallery = open_gallery(gallery)
        if encoder is None:
            encoder = DEFAULT if gallery is None else encoder_in_use(gallery)
        with ThreadPoolExecutor(2) as pool:  # opening a graph leaves the other cores free
            detect, embed = pool.submit(create_detector, detector), pool.submit(open_encoder, encoder)
        pipeline = FacePipeline(detect.result(), align, quality, embed.result())
        decide = head_named(head, embed.result())
        points = embed.result().card.operating_points
        return cls(pipeline, points, gallery, face, detector, decide, templates, index, device)

    @property
    def gallery(self) -> Gallery:
        """The gallery. Raises InvalidInput where the recognizer was opened without one."""
        if self._gallery is None:
            raise InvalidInput("this needs a gallery: Recognizer.open(gallery=...)")
        return self._gallery

    @property
    def encoder(self) -> str:
        """The digest of the encoder, sha256 in hex."""
        return self.pipeline.embed.digest

    def verify(self, first: Source, second: Source, fmr: float = FMR) -> Verification:
        """Are the two pictures of one person? Decided at the threshold measured for that FMR.

        Raises NoFace, ManyFaces or BadImage where one of the pictures does not hold one usable face.
        """
        a, b = self.portraits([first, second])
        return self._verified(self.head(a.embeddings, b.embeddings), self.head.points.at_fmr(fmr))

    def verify_subject(self, subject: str, picture: Source, fmr: float | None = None) -> Verification:
        """Is this the enrolled subject? Compared with all of its templates, fused into one or each by itself.

        With no `fmr`, at the gallery's own operating point. Raises NotEnrolled, and what `verify` raises.
        """
        from facerec.gallery.searcher import require_templates

        stored = self.gallery.embeddings(self.encoder, subject)
        require_templates(stored, self.encoder)
        (portrait,) = self.portraits([picture])
        rows = self._combine(stored).rows if isinstance(self.head, Cosine) else stored.rows
        return self._verified(self.head(rows, portrait.embeddings), self._point_among(len(rows), fmr))

    def _point_among(self, rows: int, fmr: float | None) -> OperatingPoint:
        """The point that keeps its FMR where the most similar of several templates decides."""
        point = self.point(fmr)
        if rows == 1:
            return point
        return max(point, point_for(self.head.points, rows, point.fmr), key=lambda one: one.threshold)

    def _verified(self, similarities: Float32, point: OperatingPoint) -> Verification:
        """The answer that the highest similarity gives."""
        similarity = float(similarities.max())
        chance = self.head.probability if isinstance(self.head, Cosine) else None
        if chance is None:
            return Verification(similarity, point)
        return Verification(similarity, point, float(chance(similarity)), chance.even)

    def point(self, fmr: float | None) -> OperatingPoint:
        """The head's operating point at an FMR; with None, the gallery's own, or the default where it has none.

        A gallery's own point is of the cosine: another head decides at its own.
        """
        own = self.gallery.operating_point(self.encoder) if fmr is None and isinstance(self.head, Cosine) else None
        return own or self.head.points.at_fmr(FMR if fmr is None else fmr)

    def identify(self, picture: Source, top: int = 1, fpir: float | None = None) -> tuple[Identification, ...]:
        """Who is on the picture? One answer per face, best detection first; none where there is no face.

        The threshold comes from the number of enrolled subjects, so that a stranger gets a name with about the chance
        `fpir`: with None, the one that the gallery was calibrated for, or one in a hundred. Where no measured
        threshold is that strict, the strictest one is used, and the answer's own `fpir` says what it is good for.
        """
        read = read_picture(picture)
        pixels = read.decode()
        (portraits,) = self.pipeline.describe([(pixels, self.pipeline.detect(pixels))])
        return tuple(self._identified(read.name, portraits, top, fpir))

    def _identified(self, name: str, portraits: Portraits, top: int, fpir: float | None) -> Iterator[Identification]:
        enrolled, compared = self._searcher.sizes()
        used = search_calibration(self.gallery.calibration(self.encoder), self.points)
        target = used.target_fpir if fpir is None else fpir
        point = point_for(used.points, compared, target)
        expected = expected_fpir(point.fmr, compared) if compared else 0.0
        found = self._searcher.search(portraits.embeddings, top) if len(portraits) else []
        for box, candidates in zip(portraits.faces.boxes.tolist(), found, strict=True):
            yield Identification(name, tuple(box), candidates, point, enrolled, expected, compared, target)

    def enroll(self, subject: str, pictures: Iterable[Source], force: bool = False) -> Iterator[Enrollment]:
        """Enroll one face of each picture; yields what became of each, once it is stored for good.

        As `enroll_all`, but a picture that was refused by the looks of those enrolled then is looked at again.
        """
        return self.enroll_all(((subject, picture) for picture in pictures), force=force, look_again=BY_OTHERS)

    def enroll_all(
        self, samples: Iterable[Sample], batch: int | None = None, force: bool = False, looker: Looker | None = None,
        look_again: Collection[str] = (),
    ) -> Iterator[Enrollment]:  # fmt: skip
        """Enroll (subject, picture) after (subject, picture), a batch a transaction: by default the looker's.

        What was enrolled or refused before is passed over quickly, so a run that was stopped is gone on with by
        starting it again. A face too small or too blurred, one that looks like somebody else who is enrolled, and one
        that does not look like its subject's others are refused, unless `force`. `looker` looks at the pictures, in
        place of this process: see `facerec.recognition.looking`. What was refused before with an outcome that is in
        `look_again` is not passed over.
        """
        if self.gallery.operating_point(self.encoder) is None:
            self.gallery.save_operating_point(self.points.at_fmr(FMR))
        gate = None if force else Gate()
        admission = None if force else Admission(self.gallery, self.encoder, self.points)
        looker = looker or Here(self.pipeline, self.face)
        rules = f"{self.face} {detector_identity(self.detector)} {self.encoder[:16]}"
        enroller = Enroller(self.gallery, looker, self.encoder, rules, gate, admission, look_again)
        return enroller.run(samples, batch or looker.batch)

    def portraits(self, pictures: Iterable[Source]) -> list[Portraits]:
        """The one meant face of each picture. Raises NoFace, ManyFaces or BadImage."""
        with ThreadPoolExecutor(2) as pool:  # two pictures at once: what `verify` has
            return self.pipeline.describe(list(pool.map(self._meant, pictures)))

    def aligned(self, picture: Source) -> Image:
        """The one meant face of a picture as the encoder sees it, (112, 112, 3). Raises as `portraits` does."""
        pixels, face = self._meant(picture)
        aligned: Image = self.pipeline.align(pixels, face)[0]
        return aligned

    def _meant(self, source: Source) -> tuple[Image, Faces]:
        picture = read_picture(source)
        pixels = picture.decode()
        return pixels, self._choose(self.pipeline.detect(pixels), pixels.shape, picture.name)

    @cached_property
    def _searcher(self) -> Searcher | RemoteSearcher:
        from facerec.gallery.elsewhere import RemoteSearcher, elsewhere_named, require_each, require_no_gpu
        from facerec.gallery.kinds import index_builder, index_in_use
        from facerec.gallery.searcher import Searcher

        kind = index_in_use(self.gallery) if self._index is None else self._index
        if elsewhere := elsewhere_named(kind):
            require_each(self._templates or EACH)
            require_no_gpu(self._device)
            return RemoteSearcher(self.gallery, self.encoder, elsewhere)
        return Searcher(self.gallery, self.encoder, index_builder(kind, self._device), self._combine)

    def _combine(self, stored: StoredEmbeddings) -> StoredEmbeddings:
        templates = self._templates or FUSED
        if templates not in COMBINED:
            raise InvalidInput(f"no way {templates!r} to compare templates; known: {', '.join(COMBINED)}")
        return COMBINED[templates](stored)
