"""Arrays to the bytes of an image file."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
from PIL import Image

from utils.errors import InputError
from utils.images.metadata import Metadata

# Pillow's name of the kind, and its quick settings
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    ".jpg": ("JPEG", {}),
    ".jpeg": ("JPEG", {}),
    ".png": ("PNG", {"compress_level": 1}),
    ".webp": ("WEBP", {"lossless": True, "exact": True, "quality": 0, "method": 0}),
    ".tif": ("TIFF", {}),  # not compressed: with libtiff's encoders Pillow can't write EXIF
    ".tiff": ("TIFF", {}),
}
CHANNELS = {"uint8": ((), (3,), (4,)), "uint16": ((),)}  # type -> what follows (H, W)
MAX_WEBP_SIDE = 16_383  # pixels
MAX_JPEG_SIDE = 65_500  # pixels, libjpeg's


def encode_image(
    image: np.ndarray, ending: str, quality: int = 95, metadata: Metadata | None = None
) -> bytes:
    """Encode RGB (H, W, 3), RGBA (H, W, 4) or grey (H, W), uint8; or uint16 grey.

    Args:
        image: the pixels.
        ending: .png, .webp, .tif or .tiff (without loss), .jpg or .jpeg; any case.
        quality: of a JPEG, up to 100.
        metadata: what the picture inherits from the photo it was made of.

    Raises:
        InputError: if the ending is none of these, or its kind can't hold such an array, or none
            can.
    """
    dtype = str(getattr(image, "dtype", type(image).__name__))
    if np.ndim(image) < 2 or np.shape(image)[2:] not in CHANNELS.get(dtype, ()) or not image.size:
        raise InputError(
            f"{np.shape(image)} {dtype} is no picture; give uint8 (H, W), (H, W, 3) or (H, W, 4) or"
            " uint16 (H, W), of an alpha from 0 to 1 (alpha * 255).round().astype('uint8')"
        )
    if ending.lower() not in KINDS:
        raise InputError(f"can't write {ending or 'no ending'}; use .png, .jpg, .webp or .tiff")
    kind, options = KINDS[ending.lower()]
    if kind == "JPEG":
        if image.dtype != np.uint8 or image.shape[2:] == (4,):
            raise InputError("JPEG holds neither alpha nor 16 bits; use .png")
        options = options | {"quality": quality}
    elif kind == "WEBP" and image.dtype != np.uint8:
        raise InputError("WebP holds no 16 bits; use .png or .tiff")
    limit = {"WEBP": MAX_WEBP_SIDE, "JPEG": MAX_JPEG_SIDE}.get(kind)
    if limit and max(image.shape[:2]) > limit:
        raise InputError(f"{kind} holds at most {limit} pixels a side; use .png or .tiff")
    picture = Image.fromarray(image)
    if metadata:
        options = options | metadata.options(picture.mode, kind)
    encoded = io.BytesIO()
    picture.save(encoded, kind, **options)
    return encoded.getvalue()


def encode_quickly_read(image: np.ndarray) -> bytes:
    """A PNG of RGB (H, W, 3) uint8 that is read in two thirds of the time, and no larger.

    Every row is kept as its difference from the one above.
    """
    filters = cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP
    strategy = cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE
    options = (cv2.IMWRITE_PNG_COMPRESSION, 1, *filters, *strategy)
    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1].tobytes()
