"""What a photo's file says beside its pixels, and what of it a file made from it may repeat."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from utils.errors import say_once
from utils.files import AnyPath
from utils.images.colour import has_broken_profile, kept_profile
from utils.images.decode import UNREADABLE, open_header

# Of the main directory: description, make, model, software, date, artist, copyright. The rest says
# where the photo was taken, how the file stores its pixels, or, as orientation, would be wrong once
# they are upright.
KEPT_TAGS = (0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x8298)
EXIF_IFD = 0x8769
# Of the camera's directory: the maker's note (may hold a preview of the whole photo), the colour
# space (what the profile doesn't say is sRGB), the sizes, a pointer to a directory that is not
# copied, and where the subject lay before the photo was turned upright.
DROPPED_EXIF_TAGS = (0x927C, 0xA001, 0xA002, 0xA003, 0xA005, 0x9214, 0xA214)
# As PNG's chunks gAMA and cHRM (white, red, green, blue) give them
SRGB = (0.45455, 0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
SRGB_PRIMARIES = (1, 2, 5, 6, 7)  # of ITU-T H.273; the last three are television's, hardly others
OTHER_TRANSFERS = (5, 8, 16, 18)  # of H.273: gamma 2.8, linear, PQ, HLG
MAX_EXIF = 65_533  # bytes; a JPEG segment holds no more


@dataclass(frozen=True)
class Metadata:
    """What the file of a photo says.

    Attributes:
        icc: the RGB profile of the colours that read_photo gives, or None: sRGB.
        exif: as bytes, without place, orientation and thumbnail, or None.
    """

    icc: bytes | None = None
    exif: bytes | None = None


def read_metadata(path: AnyPath) -> Metadata:
    """Read what can be kept; a broken part counts as absent, of a profile one sentence tells."""
    try:
        with open_header(path) as picture:
            if has_broken_profile(picture):
                what = f"the colour profile of {path} can't be used"
                say_once(f"note: {what}; its colours are taken as sRGB")
            elif _says_other_colours(path, picture):
                what = f"{path} says without a profile that it isn't sRGB"
                say_once(f"note: {what}; it is taken as such, so convert it if colours matter")
            return Metadata(kept_profile(picture), _exif(picture))
    except UNREADABLE:
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
    given = (info.get("gamma", SRGB[0]), *info.get("chromaticity", SRGB[1:]))
    return "srgb" not in info and not np.allclose(given, SRGB, atol=0.02)


def _exif(picture: Image.Image) -> bytes | None:
    try:
        found, kept = picture.getexif(), Image.Exif()
        kept.update({tag: _as_stored(found[tag]) for tag in KEPT_TAGS if tag in found})
        given = found.get_ifd(EXIF_IFD).items()
        if camera := {k: _as_stored(v) for k, v in given if k not in DROPPED_EXIF_TAGS}:
            kept[EXIF_IFD] = camera
        written = kept.tobytes() if len(kept) else b""
        return written if 0 < len(written) <= MAX_EXIF else None
    except UNREADABLE:
        return None


def _as_stored(value: Any) -> Any:
    """Undo Pillow's reading of text as Latin-1: it would write every letter beyond ASCII as '?'."""
    if isinstance(value, str) and not value.isascii():
        return value.encode("latin-1")
    return value
