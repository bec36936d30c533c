"""Small pictures of one result for the report page."""

from __future__ import annotations

import base64
from typing import Any

import cv2
import numpy as np

SIDE = 256  # px, the longer side
QUALITY = 72  # of WebP; 500 images of five pictures stay well under 30 MB
COMPOSITE_COLOUR = (0, 177, 64)  # RGB, chroma green: shows fringes of any other colour
TOO_MUCH, TOO_LITTLE = (200, 30, 30), (30, 70, 200)  # RGB of errors +1 and -1


def make_thumbnails(image: np.ndarray, true: np.ndarray, pred: np.ndarray) -> dict[str, Any]:
    """The pictures of one result: `thumbnails`, base64 WebP by name, and their `thumbnail_size`.

    The names are photo, truth, result, error (see error_map) and composite (of the photo's own
    colours, by the result, over green).

    Args:
        image: (H, W, 3) uint8 RGB, in sRGB.
        true, pred: (H, W) uint8 alphas.
    """
    H, W = pred.shape
    scale = min(1.0, SIDE / max(H, W))
    size = max(1, round(W * scale)), max(1, round(H * scale))  # OpenCV's order
    layers = image, true, pred, cv2.subtract(pred, true), cv2.subtract(true, pred)  # clipped at 0
    photo, truth, result, too_much, too_little = (
        cv2.resize(layer, size, interpolation=cv2.INTER_AREA) for layer in layers
    )
    alpha = (result / np.float32(255))[..., None]
    composite = np.rint(alpha * photo + (1 - alpha) * np.array(COMPOSITE_COLOUR, np.float32))
    pictures = {
        "photo": photo,
        "truth": truth,
        "result": result,
        "error": error_map(too_much, too_little),
        "composite": composite.astype(np.uint8),
    }
    encoded = {name: _encode(picture) for name, picture in pictures.items()}
    return {"thumbnails": encoded, "thumbnail_size": [size[1], size[0]]}


def error_map(too_much: np.ndarray, too_little: np.ndarray) -> np.ndarray:
    """Both signs of an error as one picture: (H, W) uint8 each -> (H, W, 3) uint8 RGB.

    White where there is none, red where the result is too large, blue where it is too small. The
    colour goes with the square root of the error, so that small errors show.
    """
    picture = np.full((*too_much.shape, 3), 255.0)
    for error, colour in ((too_much, TOO_MUCH), (too_little, TOO_LITTLE)):
        picture -= np.sqrt(error / 255)[..., None] * (255 - np.array(colour))
    return np.rint(picture).clip(0, 255).astype(np.uint8)


def _encode(picture: np.ndarray) -> str:
    if picture.ndim == 3:
        picture = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, encoded = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, QUALITY])
    return base64.b64encode(encoded.tobytes()).decode("ascii")
