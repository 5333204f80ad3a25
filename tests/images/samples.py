"""One picture in every format and colour mode, and the tools to damage it."""

from __future__ import annotations

import functools
import io
import random
import struct
import zlib

import numpy as np
import PIL.Image
from skimage import data

ORIENTATION = 0x0112
BEST = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "WEBP": {"lossless": True, "exact": True},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
    "HEIF": {"quality": 95, "chroma": 444},
}


LOSSLESS = {"PNG", "BMP", "TIFF", "WEBP"}


def original() -> np.ndarray:
    """A portrait, upright, higher than wide, unlike itself in any mirror: RGB uint8 (150, 110, 3)."""
    return np.ascontiguousarray(data.astronaut()[:450:3, 60:390:3])


def encoded(picture: np.ndarray | PIL.Image.Image, format: str, **options: object) -> bytes:
    """A picture as a file's content, as near to the original as the format allows."""
    if isinstance(picture, np.ndarray):
        picture = PIL.Image.fromarray(picture)
    buffer = io.BytesIO()
    picture.save(buffer, format, **(BEST.get(format, {}) | options))
    return buffer.getvalue()


def exif(orientation: object = 1) -> bytes:
    """EXIF data that tells an orientation, a place on earth and a camera."""
    tags = PIL.Image.Exif()
    tags[0x010F] = "a camera"
    tags[ORIENTATION] = orientation
    tags[0x8769] = {0x9003: "2020:02:02 02:02:02"}
    tags[0x8825] = {1: "N", 2: (48.0, 51.0, 30.0)}
    return tags.tobytes()


def grey() -> PIL.Image.Image:
    return PIL.Image.fromarray(original()).convert("L")


def sixteen() -> PIL.Image.Image:
    """The grey picture in 16 bits."""
    return PIL.Image.fromarray(np.asarray(grey()).astype(np.uint16) * 257)


def frames() -> list[PIL.Image.Image]:
    """The portrait, and two others."""
    return [PIL.Image.fromarray(np.roll(original(), 40 * step, axis=1)) for step in range(3)]


def animated(format: str) -> bytes:
    first, *others = frames()
    return encoded(first, format, save_all=True, append_images=others)


@functools.cache
def every_kind() -> dict[str, bytes]:
    """Formats, variants and colour modes by name."""
    rgb = PIL.Image.fromarray(original())
    rgba = rgb.copy()
    rgba.putalpha(grey())
    return {
        "jpeg": encoded(rgb, "JPEG", exif=exif()),
        "jpeg progressive": encoded(rgb, "JPEG", progressive=True),
        "jpeg grey": encoded(grey(), "JPEG"),
        "jpeg cmyk": encoded(rgb.convert("CMYK"), "JPEG"),
        "mpo": animated("MPO"),
        "png": encoded(rgb, "PNG", exif=exif()),
        "png palette": encoded(rgb.quantize(64), "PNG", transparency=3),
        "png alpha": encoded(rgba, "PNG"),
        "png 16": encoded(sixteen(), "PNG"),
        "png bits": encoded(rgb.convert("1"), "PNG"),
        "png animated": animated("PNG"),
        "webp": encoded(rgb, "WEBP", lossless=False, exif=exif()),
        "webp lossless": encoded(rgba, "WEBP"),
        "webp animated": animated("WEBP"),
        "bmp": encoded(rgb, "BMP"),
        "bmp palette": encoded(rgb.quantize(16), "BMP"),
        "gif": encoded(rgb, "GIF"),
        "gif animated": animated("GIF"),
        "tiff": encoded(rgb, "TIFF", exif=exif()),
        "tiff lzw": encoded(rgb, "TIFF", compression="tiff_lzw"),
        "tiff deflate": encoded(rgba, "TIFF", compression="tiff_adobe_deflate"),
        "tiff jpeg": encoded(rgb, "TIFF", compression="jpeg"),
        "tiff float": encoded(grey().convert("F"), "TIFF"),
        "tiff big": encoded(rgb, "TIFF", big_tiff=True),
        "avif": encoded(rgb, "AVIF", exif=exif()),
        "avif alpha": encoded(rgba, "AVIF"),
        "avif animated": animated("AVIF"),
    }


def grey_rgb() -> np.ndarray:
    """The grey picture in three equal channels."""
    return np.repeat(np.asarray(grey())[:, :, None], 3, axis=2)


def difference(image: np.ndarray, expected: np.ndarray) -> float:
    """Mean absolute difference of two pictures, in 8-bit levels."""
    assert image.shape == expected.shape
    assert image.dtype == np.uint8
    return float(np.abs(image.astype(int) - expected.astype(int)).mean())


EXTREMES = [b"\xff" * 4, bytes(4), b"\x7f\xff\xff\xff", b"\0\0\xff\xff"]


def mutated(content: bytes, rng: random.Random) -> bytes:
    """Cut off, or with some bytes changed, removed or repeated; mostly near the start, where the structure is."""
    if rng.random() < 0.15:
        return content[: rng.randrange(len(content))]
    damaged = bytearray(content)
    reach = rng.choice([600, len(content)])
    for _ in range(rng.choice([1, 1, 2, 3, 5, 10, 40])):
        place = rng.randrange(min(reach, len(damaged)))
        match rng.randrange(5):
            case 0 | 1:
                damaged[place] = rng.randrange(256)
            case 2:
                damaged[place : place + 4] = rng.choice(EXTREMES)
            case 3:
                del damaged[place : place + rng.randrange(1, 20)]
                damaged = damaged or bytearray(1)
            case 4:
                start = rng.randrange(len(damaged))
                damaged[place:place] = damaged[start : start + rng.randrange(1, 30)]
    return bytes(damaged)


def png(width: int, height: int, *extra: tuple[bytes, bytes]) -> bytes:
    """A black 1-bit PNG, made row by row to spare its maker's memory; `extra` chunks come before the pixels."""
    squeeze = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    pixels = b"".join(squeeze.compress(row) for _ in range(height)) + squeeze.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), *extra, (b"IDAT", pixels), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def tiff(tags: dict[int, tuple[int, int, int]], body: bytes = b"") -> bytes:
    """A little-endian TIFF of tags, number -> (type, count, value); the body begins at byte 8."""
    body += bytes(len(body) % 2)
    entries = b"".join(struct.pack("<HHII", tag, *tags[tag]) for tag in sorted(tags))
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + struct.pack("<H", len(tags)) + entries + bytes(4)


def grey_tiff(width: int, height: int, **more: tuple[int, int, int]) -> dict[int, tuple[int, int, int]]:
    """Tags of an 8-bit grey TIFF; `more` are named t256 and so on."""
    shorts = {258: 8, 259: 1, 262: 1, 277: 1}
    usual = {256: (4, 1, width), 257: (4, 1, height)} | {tag: (3, 1, value) for tag, value in shorts.items()}
    return usual | {int(name[1:]): value for name, value in more.items()}
