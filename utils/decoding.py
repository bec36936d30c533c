"""Files to Pillow pictures: only whole JPEGs and PNGs, and one sentence for all the rest."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from utils.errors import InputError, MissingError
from utils.files import AnyPath

# open_header has a limit of its own, which callers choose; Pillow's could not be raised.
Image.MAX_IMAGE_PIXELS = None

KINDS = {".jpg": ("JPEG", "MPO"), ".jpeg": ("JPEG", "MPO"), ".png": ("PNG",)}
BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)


def open_header(path: AnyPath, max_pixels: int) -> Image.Image:
    """Open a JPEG or PNG of at most so many pixels without decoding it; to be used in `guard`."""
    picture = Image.open(path)
    if picture.format not in KINDS.get(Path(path).suffix.lower(), ()):
        raise InputError(
            f"{path} holds a {picture.format} picture; expected a JPEG named .jpg or .jpeg, or "
            "a PNG named .png: rename or convert it"
        )
    width, height = picture.size
    if width * height > max_pixels:
        raise InputError(
            f"{path} has {height}x{width} pixels; at most {max_pixels} are taken: shrink it"
        )
    return picture


def open_picture(path: AnyPath, max_pixels: int) -> Image.Image:
    """Decode a JPEG or PNG and turn it as its EXIF orientation says.

    Raises:
        MissingError, InputError: if it is missing, broken, too large or of another kind (named).
    """
    with guard(path), open_header(path, max_pixels) as picture:
        picture.load()
        return ImageOps.exif_transpose(picture)


@contextmanager
def guard(path: AnyPath) -> Iterator[None]:
    """Turn whatever a decoder raises into one sentence that names the file."""
    path = Path(path)
    if not path.exists():
        raise MissingError(f"no file {path}")
    if path.is_dir():
        raise InputError(f"{path} is a folder; expected an image file")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes); expected a JPEG or PNG file")
    try:
        yield
    except InputError:
        raise
    except PermissionError as error:
        raise InputError(f"{path} may not be read; check its permissions") from error
    except BROKEN as error:
        raise InputError(
            f"{path} can't be read as a JPEG or PNG: broken, truncated or of another kind"
        ) from error


def has_alpha(picture: Image.Image) -> bool:
    """Whether there is a channel, or a palette's colour, that says what is transparent."""
    return picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info


def as_rgb(picture: Image.Image) -> np.ndarray:
    """(H, W, 3) uint8, whatever the mode; transparency is dropped and the colours kept."""
    if picture.mode.startswith("I"):
        grey = to_8_bits(np.asarray(picture))
        return np.repeat(grey[..., None], 3, axis=2)
    if picture.mode == "P" and "transparency" in picture.info:
        picture = picture.convert("RGBA")
    return np.array(picture.convert("RGB"))


def to_8_bits(values: np.ndarray) -> np.ndarray:
    """Scale whole numbers in [0, 65535] to [0, 255], rounded."""
    return ((np.clip(values, 0, 65535).astype(np.uint32) + 128) // 257).astype(np.uint8)
