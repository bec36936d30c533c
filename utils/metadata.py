"""What a photo's file says beside its pixels, and what of it a file made from it may repeat."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

from PIL import Image

from utils.files import AnyPath

# Of the main directory: description, make, model, software, date, artist, copyright. The rest
# says how the file stores its pixels, or, as orientation, would be wrong once they are upright.
KEPT_TAGS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
# Of the camera's directory: the maker's note (may hold a preview of the whole photo), the sizes,
# and a pointer to a directory that is not copied.
DROPPED_EXIF_TAGS = (0x927C, 0xA002, 0xA003, 0xA005)
MAX_JPEG_EXIF = 65_533  # bytes; a JPEG segment holds no more
BROKEN = (OSError, SyntaxError, ValueError, TypeError, KeyError, EOFError, struct.error)


@dataclass(frozen=True)
class Metadata:
    """Colour profile, EXIF without orientation and thumbnail, and resolution of a photo.

    Attributes:
        icc: an RGB profile, or None.
        exif: as bytes, or None.
        dpi: pixels an inch, (horizontal, vertical), or None.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    dpi: tuple[float, float] | None = None

    def options(self, mode: str, kind: str) -> dict[str, Any]:
        """Return what Pillow's save() is to be told for a picture of this mode and kind.

        A mask (grey) gets the resolution alone: a colour profile would be wrong on it.
        """
        options: dict[str, Any] = {"dpi": self.dpi} if self.dpi else {}
        if mode in ("RGB", "RGBA"):
            if self.icc:
                options["icc_profile"] = self.icc
            if self.exif and not (kind == "JPEG" and len(self.exif) > MAX_JPEG_EXIF):
                options["exif"] = self.exif
        return options


def read_metadata(path: AnyPath) -> Metadata:
    """Read what can be kept; a broken part counts as absent, for the pixels matter more."""
    try:
        with Image.open(path) as picture:
            return Metadata(_profile(picture), _exif(picture), _dpi(picture))
    except BROKEN:
        return Metadata()


def _profile(picture: Image.Image) -> bytes | None:
    """The profile, if it is one of RGB: of a CMYK or grey photo the colours were converted."""
    icc = picture.info.get("icc_profile")
    return icc if isinstance(icc, bytes) and icc[16:20] == b"RGB " else None


def _dpi(picture: Image.Image) -> tuple[float, float] | None:
    try:
        x, y = (float(value) for value in picture.info["dpi"])
    except (*BROKEN, ZeroDivisionError):
        return None
    return (x, y) if 1 <= x < 65536 and 1 <= y < 65536 else None


def _exif(picture: Image.Image) -> bytes | None:
    try:
        found, kept = picture.getexif(), Image.Exif()
        for tag in KEPT_TAGS:
            if tag in found:
                kept[tag] = _as_stored(found[tag])
        camera = found.get_ifd(EXIF_IFD).items()
        kept[EXIF_IFD] = {k: _as_stored(v) for k, v in camera if k not in DROPPED_EXIF_TAGS}
        kept[GPS_IFD] = {k: _as_stored(v) for k, v in found.get_ifd(GPS_IFD).items()}
        for directory in (EXIF_IFD, GPS_IFD):
            if not kept[directory]:
                del kept[directory]
        return kept.tobytes() if len(kept) else None
    except (*BROKEN, ZeroDivisionError, OverflowError):
        return None


def _as_stored(value: Any) -> Any:
    """Undo Pillow's reading of text as Latin-1: it would write every letter beyond ASCII as '?'."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("latin-1")
    return value
