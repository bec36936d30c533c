"""The colours of the person alone and of the scene alone, from a photo and its alpha.

Both solvers are pymatting's: closed form (Levin, Lischinski, Weiss 2008, section 7), which the
paper used, and multilevel (Germer, Uelwer, Conrad, Harmeling 2020), far faster and near in quality.
"""

import os

import cv2
import numpy as np

# numba's pool sets the number of OpenMP threads of the whole process, PyTorch's too: to all cores,
# unless it is told. Spinning threads that nobody asked for slow everything down manifold.
if "OMP_NUM_THREADS" in os.environ:
    os.environ.setdefault("NUMBA_NUM_THREADS", os.environ["OMP_NUM_THREADS"])
from pymatting import estimate_foreground_cf, estimate_foreground_ml

from utils.trimap import Trimap, trimap_from_alpha

METHODS = {"ml": estimate_foreground_ml, "cf": estimate_foreground_cf}
MARGIN = 16  # pixels of pure person and pure scene that a solver sees around the unknown region
# A crop with more pixels is solved smaller; it bounds the memory, measured at 130 bytes a pixel for
# multilevel and 1,000 for the closed form.
MAX_SOLVED_PIXELS = {"ml": 8_000_000, "cf": 1_500_000}


def solve_fg_bg(
    image: np.ndarray, alpha: np.ndarray, method: str = "ml"
) -> tuple[np.ndarray, np.ndarray]:
    """Solve image = alpha * foreground + (1 - alpha) * background for both colours.

    Only the bounding box of the unknown region (and a margin) is solved; outside it both are the
    photo. Where alpha is 1 the foreground is the photo, where it is 0 the background is. What a
    solver leaves unexplained is shared out by least squares, so that the composite reproduces
    the photo wherever no colour is clipped. A box too large for the method's memory bound is
    solved at a smaller size (both colours are smooth there) and corrected at full size.

    Args:
        image: (H, W, 3) float in [0, 1].
        alpha: (H, W) float in [0, 1].
        method: "ml" (multilevel) or "cf" (closed form).

    Returns:
        foreground, background: (H, W, 3) float32 in [0, 1].

    Raises:
        ValueError: if the shapes don't fit together or the method is unknown.
    """
    if image.shape != (*alpha.shape, 3):
        raise ValueError(f"image is {image.shape} and alpha {alpha.shape}; expected one H and W")
    if method not in METHODS:
        raise ValueError(f"method is {method!r}; expected one of {sorted(METHODS)}")
    foreground = image.astype(np.float32)
    background = foreground.copy()
    if box := unknown_box(alpha):
        part, part_alpha = foreground[box].copy(), alpha[box].astype(np.float32)
        solved = _solve(part, part_alpha, method)
        foreground[box], background[box] = _explain(part, part_alpha, *solved)
    return foreground, background


def unknown_box(alpha: np.ndarray) -> tuple[slice, slice] | None:
    """Rows and columns around every pixel that is, or touches one that is, neither 0 nor 1.

    Args:
        alpha: (H, W) float in [0, 1].

    Returns:
        The bounding box and a margin, cut at the border; None where all is pure person or scene.
    """
    levels = np.where(alpha <= 0, 0, np.where(alpha >= 1, 255, 128)).astype(np.uint8)
    unknown = trimap_from_alpha(levels, 3) == Trimap.UNKNOWN
    x, y, width, height = cv2.boundingRect(unknown.astype(np.uint8))
    if not width:
        return None
    rows = slice(max(0, y - MARGIN), y + height + MARGIN)
    return rows, slice(max(0, x - MARGIN), x + width + MARGIN)


def _solve(image: np.ndarray, alpha: np.ndarray, method: str) -> tuple[np.ndarray, np.ndarray]:
    H, W = alpha.shape
    if max(H, W) == 1:
        return image, image
    shrink = (MAX_SOLVED_PIXELS[method] / (H * W)) ** 0.5
    small = (W, H) if shrink >= 1 else (max(2, int(W * shrink)), max(2, int(H * shrink)))
    layers = (cv2.resize(layer, small, interpolation=cv2.INTER_AREA) for layer in (image, alpha))
    kind = np.float64 if method == "cf" else np.float32  # of its incomplete Cholesky factorisation
    solved = METHODS[method](*(layer.astype(kind) for layer in layers), return_background=True)
    foreground, background = (cv2.resize(colour.astype(np.float32), (W, H)) for colour in solved)
    return foreground, background


def _explain(
    image: np.ndarray, alpha: np.ndarray, foreground: np.ndarray, background: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Correct both colours by the smallest step that makes the composite the photo, and clip."""
    a = alpha[..., None]
    residual = image - a * foreground - (1 - a) * background
    residual /= a * a + (1 - a) * (1 - a)
    foreground = np.where(a == 1, image, np.clip(foreground + a * residual, 0, 1))
    background = np.where(a == 0, image, np.clip(background + (1 - a) * residual, 0, 1))
    return foreground, background
