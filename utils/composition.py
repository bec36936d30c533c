"""Setting a person before another background."""

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
    weight = cv2.merge([alpha] * 3)
    more, less = (  # one of them 0; and no product lies nearer than 1/510 to a half
        cv2.multiply(cv2.subtract(a, b), weight, scale=1 / 255)
        for a, b in ((foreground, background), (background, foreground))
    )
    return cv2.subtract(cv2.add(background, more), less)
