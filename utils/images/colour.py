"""Colour profiles (ICC): which of them a result keeps, and colours from one to another."""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

_CHANNELS = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}  # of a profile -> Pillow's mode


@lru_cache(maxsize=32)
def _transform(
    source: bytes | None, target: bytes | None, mode: str
) -> ImageCms.ImageCmsTransform | None:
    """From `source`, in Pillow's `mode`, to RGB in `target` (None: sRGB); None if one is broken."""
    try:
        before, after = (
            ImageCms.ImageCmsProfile(io.BytesIO(icc) if icc else ImageCms.createProfile("sRGB"))
            for icc in (source, target)
        )
        intent, flags = ImageCms.Intent.RELATIVE_COLORIMETRIC, ImageCms.Flags.BLACKPOINTCOMPENSATION
        return ImageCms.buildTransform(before, after, mode, "RGB", intent, flags)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None


def kept_profile(picture: Image.Image) -> bytes | None:
    """The profile of what `to_rgb` makes of a picture: its own, if that leads from and to RGB.

    None: sRGB.
    """
    icc = picture.info.get("icc_profile")
    if not isinstance(icc, bytes) or icc[16:20] != b"RGB " or _mode(picture) == "CMYK":
        return None
    return icc if _transform(icc, None, "RGB") and _transform(None, icc, "RGB") else None


def has_broken_profile(picture: Image.Image) -> bool:
    """Whether a picture has a profile that can't be read, or is one of other channels."""
    given = bool(picture.info.get("icc_profile"))
    return given and kept_profile(picture) is None and _to_srgb(picture) is None


def to_rgb(picture: Image.Image) -> Image.Image:
    """The picture in RGB; in sRGB, if its profile is one of grey or CMYK, or leads only one way."""
    transform = None if kept_profile(picture) else _to_srgb(picture)
    if transform is None:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    converted = ImageCms.applyTransform(picture.convert(_mode(picture)), transform)
    assert converted is not None  # None is of in-place work
    return converted


def convert_colours(image: np.ndarray, source: bytes | None, target: bytes | None) -> np.ndarray:
    """Let (H, W, 3) uint8 look the same in another profile, as far as that has such colours.

    Both are from `kept_profile`; None: sRGB.
    """
    if source == target:
        return image
    transform = _transform(source, target, "RGB")
    assert transform is not None
    return np.array(ImageCms.applyTransform(Image.fromarray(image), transform))


def _to_srgb(picture: Image.Image) -> ImageCms.ImageCmsTransform | None:
    """From the picture's own channels; None if it has no profile of those, or a broken one."""
    icc, mode = picture.info.get("icc_profile"), _mode(picture)
    fits = isinstance(icc, bytes) and _CHANNELS.get(icc[16:20]) == mode
    return _transform(icc, None, mode) if fits else None


def _mode(picture: Image.Image) -> str:
    """The channels that a profile of the picture is to describe."""
    if picture.mode in ("1", "L", "LA", "La") or picture.mode.startswith(("I", "F")):
        return "L"
    return "CMYK" if picture.mode == "CMYK" else "RGB"
