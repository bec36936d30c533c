"""What a photo's file says beside its pixels, and what of it a file made from it may repeat."""

from dataclasses import dataclass
from typing import Any

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
            return Metadata(kept_profile(picture), _exif(picture))
    except UNREADABLE:
        return Metadata()


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
