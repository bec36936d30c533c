"""What a photo's file says beside its pixels, and what of it a file made from it may repeat."""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from utils.errors import say_once
from utils.files import AnyPath
from utils.images.colour import has_broken_profile, kept_profile
from utils.images.decode import open_header, orientation

# Of the main directory: description, make, model, software, date, artist, copyright. The rest
# says how the file stores its pixels, or, as orientation, would be wrong once they are upright.
KEPT_TAGS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)
EXIF_IFD, GPS_IFD = 0x8769, 0x8825
# Of the camera's directory: the maker's note (may hold a preview of the whole photo), the colour
# space (what the profile doesn't say is sRGB), the sizes, a pointer to a directory that is not
# copied, and where the subject lay before the photo was turned upright.
DROPPED_EXIF_TAGS = (0x927C, 0xA001, 0xA002, 0xA003, 0xA005, 0x9214, 0xA214)
MAX_JPEG_EXIF = 65_533  # bytes; a JPEG segment holds no more
# As PNG's chunks gAMA and cHRM (white, red, green, blue) give them
SRGB_GAMMA, SRGB_POINTS = 0.45455, (0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
SRGB_PRIMARIES = (1, 2, 5, 6, 7)  # of ITU-T H.273; the last three are television's, hardly others
OTHER_TRANSFERS = (5, 8, 16, 18)  # of H.273: gamma 2.8, linear, PQ, HLG
BROKEN = (OSError, SyntaxError, ValueError, TypeError, KeyError, EOFError, struct.error)


@dataclass(frozen=True)
class Metadata:
    """Colour profile, EXIF without orientation and thumbnail, and resolution of a photo.

    Attributes:
        icc: the RGB profile of the colours that read_photo gives, or None: sRGB.
        exif: as bytes, or None.
        dpi: pixels an inch, (horizontal, vertical) once the photo is upright, or None.
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

    def elsewhere(self) -> Metadata:
        """The same without GPS: for a picture that shows the person before another scene."""
        exif = Image.Exif()
        exif.load(self.exif or b"")
        return replace(self, exif=_exif(lambda: exif, gps=False))


def read_metadata(path: AnyPath) -> Metadata:
    """Read what can be kept; a broken part counts as absent, for the pixels matter more.

    Of a broken profile one sentence tells.
    """
    try:
        with open_header(path, sys.maxsize) as picture:
            if has_broken_profile(picture):
                what = f"the colour profile of {path} can't be used"
                say_once(f"note: {what}; its colours are taken as sRGB")
            elif _says_other_colours(path, picture):
                what = f"{path} says without a profile that it isn't sRGB"
                say_once(f"note: {what}; it is taken as such, so convert it if colours matter")
            exif = _exif(picture.getexif, gps=True)
            return Metadata(kept_profile(picture), exif, _dpi(picture))
    except BROKEN:
        return Metadata()


def _says_other_colours(path: AnyPath, picture: Image.Image) -> bool:
    """Whether a file without a profile says in numbers that its colours are not those of sRGB."""
    info = picture.info
    if info.get("icc_profile") or picture.format not in ("PNG", "HEIF", "AVIF"):
        return False
    with Path(path).open("rb") as file:
        coded = re.search(rb"cICP(.)(.)|colrnclx.(.).(.)", file.read(2**16), re.DOTALL)
    if coded:  # in ITU-T H.273's numbers; 2 is unknown
        primaries, transfer = (ord(value) for value in coded.groups() if value is not None)
        return primaries not in SRGB_PRIMARIES or transfer in OTHER_TRANSFERS
    if "srgb" in info:
        return False
    given = (info.get("gamma", SRGB_GAMMA), *info.get("chromaticity", SRGB_POINTS))
    return not np.allclose(given, (SRGB_GAMMA, *SRGB_POINTS), atol=0.02)


def _dpi(picture: Image.Image) -> tuple[float, float] | None:
    try:
        x, y = (float(value) for value in picture.info["dpi"])
        if x != y and orientation(picture) >= 5:
            x, y = y, x
    except (*BROKEN, ZeroDivisionError):
        return None
    return (x, y) if 1 <= x < 65536 and 1 <= y < 65536 else None


def _exif(load: Callable[[], Image.Exif], gps: bool) -> bytes | None:
    try:
        found, kept = load(), Image.Exif()
        for tag in KEPT_TAGS:
            if tag in found:
                kept[tag] = _as_stored(found[tag])
        camera = found.get_ifd(EXIF_IFD).items()
        kept[EXIF_IFD] = {k: _as_stored(v) for k, v in camera if k not in DROPPED_EXIF_TAGS}
        place = found.get_ifd(GPS_IFD) if gps else {}
        kept[GPS_IFD] = {k: _as_stored(v) for k, v in place.items()}
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
