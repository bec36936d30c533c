"""Setting a person before another background."""

from __future__ import annotations

import cv2
import numpy as np

from utils.images import resize_antialiased


def fit_background(background: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Scale (h, w, 3) uint8 until it covers `size` (H, W) and cut out its centre."""
    H, W = size
    h, w = background.shape[:2]
    scale = max(H / h, W / w)
    if scale != 1:
        h, w = max(H, round(h * scale)), max(W, round(w * scale))
        background = np.rint(resize_antialiased(background, (h, w))).astype(np.uint8)
    top, left = (h - H) // 2, (w - W) // 2
    return np.ascontiguousarray(background[top : top + H, left : left + W])


def composite(foreground: np.ndarray, background: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """alpha * foreground + (1 - alpha) * background, rounded: (H, W, 3) uint8 from uint8."""
    weight = alpha.astype(np.float32)  # fine enough: no sum lies nearer than 1/510 to a half
    return cv2.blendLinear(foreground, background, weight, 255 - weight)
