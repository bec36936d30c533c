"""Files to Pillow pictures: only whole photos of known kinds, one sentence for all the rest."""

import re
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, PngImagePlugin, UnidentifiedImageError

from utils.errors import InputError, MissingError, say_once
from utils.files import AnyPath, refuse_stand_in
from utils.images.colour import to_rgb

# open_header has a limit of its own, which callers choose; Pillow's could not be raised.
Image.MAX_IMAGE_PIXELS = None
# Bytes of one PNG's profile or text, unpacked, and of all its texts. Pillow's limit of 1 MB is
# less than the profiles of printers and the histories that editors write.
PngImagePlugin.MAX_TEXT_CHUNK = 2**26
PngImagePlugin.MAX_TEXT_MEMORY = 2**28

_ENDINGS = ".jpg .jpeg .jpe .jfif .png .webp .tif .tiff .bmp .gif .heic .heif .hif .avif"
KINDS = tuple(_ENDINGS.split())  # endings of photos; what they hold may be any of FORMATS
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "GIF", "HEIF", "AVIF")  # Pillow's names
NAMES = "JPEG, PNG, WebP, TIFF, BMP, GIF, HEIC or AVIF"
BROKEN = (OSError, SyntaxError, EOFError, IndexError, TypeError, struct.error, zlib.error)
UNREADABLE = (*BROKEN, ValueError, KeyError, ArithmeticError)  # what metadata may raise
MAX_PIXELS = 150_000_000  # a medium-format camera's photo; more is a mistake or a bomb
PLAIN = {b"IHDR", b"IDAT", b"IEND", b"pHYs", b"tIME"}  # chunks of PNGs that are pixels and no more
FLOAT_TOLERANCE = 1e-6  # what float32 may end outside [0, 1]
ORIENTATION, WIDTH, HEIGHT, PHOTOMETRIC = 0x0112, 0x0100, 0x0101, 0x0106  # tags of EXIF and TIFF
_UNDO = "FLIP_LEFT_RIGHT ROTATE_180 FLIP_TOP_BOTTOM TRANSPOSE ROTATE_270 TRANSVERSE ROTATE_90"
TURNS = {number: Image.Transpose[name] for number, name in enumerate(_UNDO.split(), 2)}


def open_header(path: AnyPath, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Open a photo of at most so many pixels without decoding it; to be used in `guard`."""
    _load_plugin(path)
    picture = Image.open(path)
    if picture.format not in FORMATS:
        raise InputError(f"{path} holds a {picture.format} picture; convert it to {NAMES}")
    width, height = picture.size
    if width * height > max_pixels:
        raise InputError(
            f"{path} has {height}x{width} pixels; at most {max_pixels} are taken: shrink it"
        )
    if picture.format == "TIFF":  # read from its name, one that is turned comes out scrambled
        picture.filename = ""
    return picture


def open_picture(
    path: AnyPath, max_pixels: int = MAX_PIXELS, *, eighth: bool = False, floats: bool = False
) -> Image.Image:
    """Decode a photo, the first of several, and turn it as its EXIF orientation says.

    Args:
        eighth: decode a JPEG at an eighth of its size, where that is at least a pixel.
        floats: leave a TIFF's; else they become whole numbers of 16 bits.

    Raises:
        MissingError, InputError: if it is missing, broken, too large or of another kind (named).
    """
    with guard(path), open_header(path, max_pixels) as picture:
        count = getattr(picture, "n_frames", 1)
        if count > 1 and picture.format != "MPO":  # a camera's JPEG has its previews behind it
            say_once(f"note: {path} holds {count} pictures; the first is read")
        if eighth:
            picture.draft(None, (1, 1))
        picture.load()
        turn = TURNS.get(orientation(picture))
        if picture.mode == "F" or picture.mode.startswith("I"):
            picture = _as_16_bits(picture, path, floats)
        return picture if turn is None else picture.transpose(turn)


def orientation(picture: Image.Image) -> int:
    """How the picture is to be turned, 1 to 8 as in EXIF; what can't be read counts as 1."""
    # Asked of every PNG, getexif would decode the whole picture.
    if picture.format == "PNG" and not picture.info.keys() & {"exif", "xmp"}:
        return 1
    try:
        value = int(picture.getexif().get(ORIENTATION, 1))
        return value if value in TURNS else 1
    except UNREADABLE:
        return 1


def read_size(path: AnyPath) -> tuple[int, int]:
    """(height, width) that the file's header states, after EXIF rotation; reads no pixels.

    Raises:
        MissingError, InputError: as `open_picture`, as far as the header tells.
    """
    with guard(path), open_header(path) as picture:
        width, height = picture.size
        if picture.format == "TIFF":  # Pillow turns the size of some
            width, height = (int(picture.tag_v2[tag]) for tag in (WIDTH, HEIGHT))  # type: ignore[attr-defined]
        return (width, height) if orientation(picture) >= 5 else (height, width)


@contextmanager
def guard(path: AnyPath) -> Iterator[None]:
    """Turn whatever a decoder raises into one sentence that names the file."""
    path = Path(path)
    if not path.exists():
        raise MissingError(f"no file {path}{', where its link leads' * path.is_symlink()}")
    if path.is_dir():
        raise InputError(f"{path} is a folder; expected an image file")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes); expected {NAMES}")
    try:
        yield
    except InputError:
        raise
    except PermissionError as error:
        raise InputError(f"{path} may not be read; check its permissions") from error
    except MemoryError as error:
        raise InputError(f"{path} needs more memory than there is; shrink it") from error
    except UnidentifiedImageError as error:
        refuse_stand_in(path, "picture")
        raise InputError(
            f"{path} can't be read as {NAMES}: it is of another kind or an unusual form, or its "
            "beginning is broken; if other programs show it, save it anew as PNG"
        ) from error
    except BROKEN as error:
        raise InputError(f"{path} can't be read: it is broken or truncated ({error})") from error
    except Exception as error:  # decoders raise anything on a form that they don't know
        raise InputError(
            f"{path} can't be read ({error}); if other programs show it, save it anew as PNG"
        ) from error


def _load_plugin(path: AnyPath) -> None:
    """HEIC, whatever its name, needs an optional package."""
    with Path(path).open("rb") as file:
        head = file.read(64)
    if head[4:8] != b"ftyp" or not re.search(rb"hei[cmsx]|hevc", head):
        return
    try:
        import pillow_heif
    except ImportError as error:
        raise InputError(
            f"{path} holds HEIC, which needs more: pip install -r requirements-heic.txt, or "
            "convert it to JPEG"
        ) from error
    pillow_heif.register_heif_opener()


def _as_16_bits(picture: Image.Image, path: AnyPath, floats: bool) -> Image.Image:
    """A grey picture of 16 or 32 bits, whole numbers or (unless kept) floats in [0, 1], as 16."""
    values = np.asarray(picture)
    tolerance, top = (FLOAT_TOLERANCE, 1) if picture.mode == "F" else (0, 65535)
    low, high = values.min(), values.max()
    if not (low >= -tolerance and high <= top + tolerance):  # NaN is neither
        raise InputError(
            f"{path} has 32 bits and values from {low} to {high}; save it with 8 or 16 bits"
        )
    if picture.mode == "F":
        if floats:
            return picture
        values = np.rint(values.clip(0, 1) * 65535)
    values = values.astype(np.uint16)
    if picture.format == "TIFF" and picture.tag_v2.get(PHOTOMETRIC) == 0:  # type: ignore[attr-defined]
        values = 65535 - values  # 0 is white, which Pillow minds in 8 bits only
    deep = Image.fromarray(values)
    deep.info = picture.info
    return deep


def read_exactly(path: AnyPath) -> np.ndarray:
    """Read what a file stores, upright: (H, W), (H, W, 3) RGB or, of a cut-out, (H, W, 4).

    Returns:
        uint8 or uint16; of a TIFF, (H, W) float32 in [0, 1], too.

    Raises:
        MissingError, InputError: as `open_picture`.
    """
    picture = open_picture(path, floats=True)
    if picture.mode[0] in "IF":
        return np.asarray(picture)
    if picture.mode in ("1", "L") and not picture.has_transparency_data:
        return np.array(picture.convert("L"))
    with guard(path), open_header(path) as header:
        tiles = getattr(header, "tile", ())  # of WebP and others there may be none
        if not any(";16" in str(tile[3]) for tile in tiles):
            return np.array(picture.convert("RGBA" if picture.has_transparency_data else "RGB"))
        # Pillow keeps 8 bits of several channels; OpenCV turns all kinds upright but PNG.
        stored = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
        if stored is None or stored.ndim != 3 or stored.dtype != np.uint16:
            raise ValueError("16 bits in an unusual form")
        turn = TURNS.get(orientation(header)) if header.format == "PNG" else None
    bands = [stored[..., band] for band in (2, 1, 0, 3)[: stored.shape[2]]]
    pictures = (Image.fromarray(np.ascontiguousarray(band)) for band in bands)
    return np.dstack([np.asarray(p if turn is None else p.transpose(turn)) for p in pictures])


def read_plain_png(path: AnyPath, *, grey: bool) -> np.ndarray | None:
    """(H, W) or (H, W, 3) uint8 of a whole PNG of such pixels; None of all that is not as plain.

    OpenCV takes less time than Pillow, but would neither say what is broken nor mind profiles.
    """
    try:
        data = Path(path).read_bytes()
        width, height, *form = struct.unpack_from(">2I5B", data, 16)
        kinds, place = [b""], 8
        while place < len(data):
            length, kind = struct.unpack_from(">I4s", data, place)
            kinds.append(kind)
            place += length + 12
    except (OSError, struct.error):
        return None
    whole = kinds[1] == b"IHDR" and kinds[-1] == b"IEND" and place == len(data)
    plain = form == [8, 0 if grey else 2, 0, 0, 0] and set(kinds[1:]) <= PLAIN
    if not (whole and plain and width * height <= MAX_PIXELS):
        return None
    pixels = np.frombuffer(data, np.uint8)
    return cv2.imdecode(pixels, cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR_RGB)


def as_rgb(picture: Image.Image) -> np.ndarray:
    """(H, W, 3) uint8, whatever the mode; transparency is dropped and the colours kept.

    They are in the picture's own profile, if that is one of RGB, else in sRGB (`to_rgb`).
    """
    if picture.mode.startswith("I"):
        info = picture.info
        picture = Image.fromarray(to_integers(np.asarray(picture)))
        picture.info = info
    elif picture.mode == "P" and "transparency" in picture.info:
        picture = picture.convert("RGBA")
    return np.array(to_rgb(picture))


def to_integers(values: np.ndarray, bits: int = 8) -> np.ndarray:
    """uint8, or uint16 for 16 bits, from one another or from floats in [0, 1]; rounded, clipped."""
    wanted, top = {8: np.dtype(np.uint8), 16: np.dtype(np.uint16)}[bits], 2**bits - 1
    if values.dtype == wanted:
        return values
    scale = top / np.iinfo(values.dtype).max if values.dtype.kind == "u" else top
    scaled = values * np.float32(scale)
    return np.rint(scaled, out=scaled).clip(0, top, out=scaled).astype(wanted)
