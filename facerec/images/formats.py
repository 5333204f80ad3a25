"""Which format is this? Told by the first bytes alone: names lie, and only formats listed here reach a decoder."""

from __future__ import annotations

import re
import struct

from facerec.errors import BadImage, UnsupportedFormat

PLUGINS = {
    "JPEG": "PIL.JpegImagePlugin",  # opens MPO too; "MPO" itself cannot be asked for
    "PNG": "PIL.PngImagePlugin",
    "WEBP": "PIL.WebPImagePlugin",
    "BMP": "PIL.BmpImagePlugin",
    "GIF": "PIL.GifImagePlugin",
    "TIFF": "PIL.TiffImagePlugin",
    "AVIF": "PIL.AvifImagePlugin",
    "HEIF": "pillow_heif.as_plugin",
}
"""The formats that are read, by Pillow's name, and the module that decodes each."""

READABLE = "JPEG, PNG, WebP, BMP, GIF, TIFF, AVIF or HEIC"

_READ = [
    (rb"\xff\xd8\xff", "JPEG"),
    (rb"\x89PNG\r\n\x1a\n", "PNG"),
    (rb"RIFF....WEBP", "WEBP"),
    (rb"BM", "BMP"),
    (rb"GIF8[79]a", "GIF"),
    (rb"II[*+]\0|MM\0[*+]", "TIFF"),
    (rb"....ftypavi[fs]", "AVIF"),
    (rb"....ftyp(mif1|msf1)....((?!hei|hev)....)*?avi[fs]", "AVIF"),
    (rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", "HEIF"),
]
_OTHER_PICTURES = [
    (rb"8BPS", "Photoshop"),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript"),
    (rb"SIMPLE  =", "FITS"),
    (rb"\0\0[\x01\x02]\0", "icon"),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000"),
    (rb"\0\0\0\x0cJXL |\xff\x0a", "JPEG XL"),
    (rb"P[1-7]\s", "Netpbm"),
    (rb"DDS ", "DDS"),
    (rb"qoif", "QOI"),
    (rb"v/1\x01", "OpenEXR"),
    (rb"#\?RADIANCE", "Radiance"),
    (rb"(?i)\s*<(svg|(\?xml|!--|!doctype svg).*<svg)", "SVG"),
]
_NO_PICTURES = [
    (rb"%PDF", "a PDF document"),
    (rb"PK(\x03\x04|\x05\x06)", "a ZIP archive"),
    (rb"\x1f\x8b", "a gzip file"),
    (rb"(?i)\s*<(!doctype html|html|head|body)", "a web page"),
    (rb"....ftyp|\x1aE\xdf\xa3|RIFF....AVI ", "a video"),
    (rb"ID3|OggS|fLaC|RIFF....WAVE", "a sound"),
]


def sniff(content: bytes, name: str) -> str:
    """The format's name, a key of `PLUGINS`.

    Raises UnsupportedFormat for other kinds of picture, and BadImage for what is no picture; `name` is what the
    messages call it.
    """
    if not content:
        raise BadImage(f"{name} is empty")
    if readable := _first(_READ, content):
        return readable
    if other := _first(_OTHER_PICTURES, content):
        raise UnsupportedFormat(f"{name} is a {other} picture: save it as {READABLE}")
    what = _first(_NO_PICTURES, content) or "no picture of a known format"
    raise BadImage(f"{name} is {what}: give a {READABLE} picture")


def _first(table: list[tuple[bytes, str]], content: bytes) -> str | None:
    """The first entry whose pattern fits the beginning."""
    return next((name for pattern, name in table if re.match(pattern, content[:1024], re.DOTALL)), None)


def announced_size(content: bytes, format: str) -> tuple[int, int] | None:
    """Width and height of the largest item that an AVIF or HEIC header announces; None for other formats.

    Their decoders refuse a huge picture without saying that its size was the reason.
    """
    if format not in ("AVIF", "HEIF"):
        return None
    boxes = re.findall(rb"\0\0\0\x14ispe\0{4}(.{8})", content[:65536], re.DOTALL)
    return max((struct.unpack(">II", box) for box in boxes), key=lambda sides: sides[0] * sides[1], default=None)
