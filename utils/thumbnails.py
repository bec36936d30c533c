"""Small pictures of one result for the report page."""

from __future__ import annotations

import base64
from typing import Any

import cv2
import numpy as np

SIDE = 256  # px, the longer side
QUALITY = 72  # of WebP; 500 images of five pictures stay well under 30 MB
COMPOSITE_COLOUR = (0, 177, 64)  # RGB, chroma green: shows fringes of any other colour
TOO_MUCH, TOO_LITTLE = (200, 30, 30), (30, 70, 200)  # RGB of errors +1 and -1; none is white


def make_thumbnails(image: np.ndarray, true: np.ndarray, pred: np.ndarray) -> dict[str, Any]:
    """The pictures of one result: `thumbnails`, base64 WebP by name, and their `thumbnail_size`.

    The names are photo, truth, result, error (see error_map) and composite (of the photo's own
    colours, by the result, over green).

    Args:
        image: (H, W, 3) uint8 RGB.
        true, pred: (H, W) uint8 alphas.
    """
    H, W = pred.shape
    scale = min(1.0, SIDE / max(H, W))
    size = max(1, round(W * scale)), max(1, round(H * scale))  # OpenCV's order
    photo, truth, result = (
        cv2.resize(layer, size, interpolation=cv2.INTER_AREA) for layer in (image, true, pred)
    )
    error = cv2.resize(error_map(pred, true), size, interpolation=cv2.INTER_AREA)
    alpha = (result / np.float32(255))[..., None]
    composite = np.rint(alpha * photo + (1 - alpha) * np.array(COMPOSITE_COLOUR, np.float32))
    pictures = {
        "photo": photo,
        "truth": truth,
        "result": result,
        "error": error,
        "composite": composite.astype(np.uint8),
    }
    encoded = {name: _encode(picture) for name, picture in pictures.items()}
    return {"thumbnails": encoded, "thumbnail_size": [size[1], size[0]]}


def error_map(pred: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Signed error as a picture: (H, W) uint8 alphas -> (H, W, 3) uint8 RGB.

    White where pred equals true, red where it is too large, blue where it is too small; the colour
    goes with the square root of the error, so that small errors show.
    """
    levels = np.arange(-255, 256) / 255
    full = np.where(levels[:, None] > 0, TOO_MUCH, TOO_LITTLE)
    table = 255 + (full - 255) * np.sqrt(np.abs(levels))[:, None]  # (511, 3)
    return np.rint(table).astype(np.uint8)[pred.astype(np.int16) - true + 255]


def _encode(picture: np.ndarray) -> str:
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    return base64.b64encode(encoded.tobytes()).decode("ascii")
