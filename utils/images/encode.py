"""Arrays to the bytes of an image file."""

import io
from typing import Any

import cv2
import numpy as np
from PIL import Image

from utils.errors import InputError
from utils.images.metadata import Metadata

# Pillow's name of the kind, and its quick settings
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    **dict.fromkeys((".jpg", ".jpeg"), ("JPEG", {})),
    ".png": ("PNG", {"compress_level": 1}),
    ".webp": ("WEBP", {"lossless": True, "exact": True, "quality": 0, "method": 0}),
    # not compressed: with libtiff's encoders Pillow can't write EXIF
    **dict.fromkeys((".tif", ".tiff"), ("TIFF", {})),
}
CHANNELS = {"uint8": ((), (3,), (4,)), "uint16": ((),)}  # type -> what follows (H, W)


def encode_image(
    image: np.ndarray, ending: str, quality: int = 95, metadata: Metadata | None = None
) -> bytes:
    """Encode RGB (H, W, 3), RGBA (H, W, 4) or grey (H, W), uint8; or uint16 grey.

    Args:
        image: the pixels.
        ending: .png, .webp, .tif or .tiff (without loss), .jpg or .jpeg; any case.
        quality: of a JPEG, up to 100.
        metadata: what the picture inherits from the photo it was made of; a mask inherits nothing.

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
        options = options | {"quality": quality}
    if metadata and image.ndim == 3:
        kept = {"icc_profile": metadata.icc, "exif": metadata.exif}
        options = options | {name: value for name, value in kept.items() if value}
    encoded = io.BytesIO()
    try:
        if kind == "WEBP" and image.dtype != np.uint8:  # Pillow would make it one of 8 bits
            raise ValueError
        Image.fromarray(image).save(encoded, kind, **options)
    except (OSError, ValueError) as error:  # alpha, 16 bits, or sides of 2^14 or 2^16
        raise InputError(f"{kind} can't hold {image.shape} {dtype}; use .png or .tiff") from error
    return encoded.getvalue()


def encode_quickly_read(image: np.ndarray) -> bytes:
    """A PNG of RGB (H, W, 3) uint8 that is read in two thirds of the time, and no larger.

    Every row is kept as its difference from the one above.
    """
    filters = cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP
    strategy = cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE
    options = (cv2.IMWRITE_PNG_COMPRESSION, 1, *filters, *strategy)
    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)[1].tobytes()
