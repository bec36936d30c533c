"""How far a predicted alpha is from the true one: the ten numbers of portrait matting papers, IoU.

The values are those of P3M's published evaluation (Li et al. 2021, arXiv 2104.14222), which most
portrait matting papers use. Other toolkits measure other things under the same names; the
functions say where they differ. All arithmetic is float64: float32 flips comparisons such as
153/255 >= 0.6000000000000001.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise

import cv2
import numpy as np
from scipy.ndimage import gaussian_filter

from utils.errors import InputError
from utils.trimap import Trimap

GRADIENT_SIGMA = 1.4  # pixels; Rhemann et al. 2009, section 3.2
THRESHOLDS = np.arange(0, 1.1, 0.1)  # as float64 has them: 0.30000000000000004, 0.6000000000000001
CONNECTED_TOLERANCE = 0.15  # theta of Rhemann et al. 2009, section 3.2
INTEGERS = (np.dtype(np.uint8), np.dtype(np.uint16))  # alphas of full range 0 .. 255, 0 .. 65535
RANGE_TOLERANCE = 1e-6  # bilinear interpolation in float32 may end this far outside [0, 1]


@dataclass(frozen=True)
class Comparison:
    """A predicted alpha beside the true one, as the metrics take them.

    Attributes:
        pred, true: (H, W) float64 in [0, 1].
        foreground, background, unknown: (H, W) bool, the three parts of the trimap.
    """

    pred: np.ndarray
    true: np.ndarray
    foreground: np.ndarray
    background: np.ndarray
    unknown: np.ndarray

    @cached_property
    def error(self) -> np.ndarray:
        """(H, W) |p - a|."""
        return np.abs(self.pred - self.true)

    @cached_property
    def unknown_error(self) -> np.ndarray:
        """The same with p set to 1 where the trimap is foreground and to 0 where background."""
        if not self.num_unknown:
            return np.zeros_like(self.error)
        sure = [self.foreground, self.background]
        return np.select(sure, [1 - self.true, self.true], self.error)

    @cached_property
    def num_unknown(self) -> int:
        return int(np.count_nonzero(self.unknown))


class LargerIsBetter(partial[float]):
    """An entry of METRICS of which more is better; of the others, errors, less is."""


# Those that papers publish, in the order of a CSV's columns.
PUBLISHED: dict[str, Callable[[Comparison], float]] = {
    "SAD": lambda c: c.error.sum() / 1000,
    "MSE": lambda c: (c.error**2).sum() / c.error.size,
    "MAD": lambda c: c.error.sum() / c.error.size,
    "SAD_TRIMAP": lambda c: c.unknown_error.sum() / 1000,
    "MSE_TRIMAP": lambda c: (c.unknown_error**2).sum() / max(c.num_unknown, 1),
    "MAD_TRIMAP": lambda c: c.unknown_error.sum() / max(c.num_unknown, 1),
    "SAD_FG": lambda c: c.error[c.foreground].sum() / 1000,
    "SAD_BG": lambda c: c.error[c.background].sum() / 1000,
    "CONN": lambda c: connectivity_error(c.pred, c.true),
    "GRAD": lambda c: gradient_error(c.pred, c.true),
}
COLUMNS = tuple(PUBLISHED)  # of the CSVs of published test sets, which are compared with others'
# All metrics; a new one is a function and an entry. docs/extending.md shows how.
METRICS = PUBLISHED | {"IoU": LargerIsBetter(lambda c: overlap(c.pred, c.true))}


def is_larger_better(name: str) -> bool:
    """Whether more of a metric is better; of one that is not in METRICS, less is."""
    return isinstance(METRICS.get(name), LargerIsBetter)


def measure(
    pred: np.ndarray, true: np.ndarray, trimap: np.ndarray, columns: Sequence[str] = COLUMNS
) -> dict[str, float]:
    """Metrics of one predicted alpha.

    With p predicted and a true, and a region without pixels scoring 0:

        SAD     sum |p - a| / 1000, thousands of pixels
        MSE     mean (p - a)^2; other papers print it times 1000
        MAD     mean |p - a|
        SAD_TRIMAP, MSE_TRIMAP, MAD_TRIMAP   the same with p set to 1 where the trimap is foreground
                and to 0 where it is background; the means are over the number of unknown pixels
        SAD_FG, SAD_BG   sum |p - a| / 1000 over the trimap's foreground, over its background
        GRAD, CONN, IoU   see gradient_error, connectivity_error, overlap

    All are 0 where the alpha is perfect, but IoU is 1.

    Args:
        pred: (H, W) predicted alpha; uint8 (0..255), uint16 (0..65535) or float in [0, 1]. What
            comes from an 8-bit file should be given as uint8: divided in float32 it would score
            differently.
        true: (H, W) true alpha, likewise.
        trimap: (H, W) uint8 0/128/255.
        columns: names out of METRICS.

    Returns:
        The values by name, in the order of the list above.

    Raises:
        InputError: the sizes differ, a value is not finite or lies outside [0, 1], or the trimap
            holds something other than 0, 128 and 255.
    """
    pred, true = to_unit(pred, "the predicted alpha"), to_unit(true, "the true alpha")
    for name, layer in (("true alpha", true), ("trimap", trimap)):
        if layer.shape != pred.shape:
            raise InputError(
                f"the predicted alpha is {size_text(pred)} but the {name} is {size_text(layer)}"
            )
    parts = [trimap == kind for kind in (Trimap.FOREGROUND, Trimap.BACKGROUND, Trimap.UNKNOWN)]
    if not np.logical_or.reduce(parts).all():
        raise InputError(f"the trimap holds {np.unique(trimap)[:5]}; only 0, 128 and 255 may occur")
    comparison = Comparison(pred, true, *parts)
    scores = {name: float(METRICS[name](comparison)) for name in columns}
    if "CONN" in scores:
        scores["CONN"] = scores.pop("CONN")  # callers know it after GRAD, CSVs have it before
    return scores


def overlap(pred: np.ndarray, true: np.ndarray) -> float:
    """IoU of {alpha > 0.5}: 0 to 1, and 1 where both are empty; (H, W), types as for measure."""
    a, b = to_unit(pred, "the prediction") > 0.5, to_unit(true, "the true alpha") > 0.5
    either = np.count_nonzero(a | b)
    return np.count_nonzero(a & b) / either if either else 1.0


def size_text(array: np.ndarray) -> str:
    """Height and width as people write them: 1080x1440."""
    return "x".join(str(side) for side in array.shape[:2])


def gradient_error(pred: np.ndarray, true: np.ndarray) -> float:
    """GRAD: sum of (|grad p| - |grad a|)^2, divided by 10; of (H, W) float64 in [0, 1].

    The gradients are Gaussian derivatives with sigma 1.4 in float32, not normalised (Rhemann et al.
    2009, section 3.2, as P3M's evaluation computes it). The code of Deep Image Matting, and
    MMEditing's after it, scale the filters to unit energy, sum over unknown pixels only and divide
    by 1000: the numbers have nothing in common but the name.
    """
    difference = _gradient_magnitude(pred)
    difference -= _gradient_magnitude(true)
    return float(np.sum(np.square(difference, dtype=np.float64))) / 10


def _gradient_magnitude(alpha: np.ndarray) -> np.ndarray:
    along_y, along_x = (
        gaussian_filter(alpha, GRADIENT_SIGMA, order=order, output=np.float32)
        for order in ((1, 0), (0, 1))
    )
    return np.hypot(along_y, along_x)


def connectivity_error(pred: np.ndarray, true: np.ndarray) -> float:
    """CONN: sum of |phi_p - phi_a| / 1000, how differently pixels hang on to the person.

    At each of ten thresholds t_i the largest 4-connected component of {p >= t_i and a >= t_i} is
    found (of equally large ones the first in raster order). A pixel's level l is t_(i-1) for the
    first i at which it lies outside, 1 if it never does; a threshold without any component is
    passed over. Then phi = 1 - d [d >= 0.15] with d = p - l, and the same for a (Rhemann et al.
    2009, section 3.2, as P3M's evaluation computes it). It sums over the whole photo, where the
    code of Deep Image Matting sums over unknown pixels only; the trimap has no part in it.

    So an empty prediction scores 0, the best value, as it does in the published code: no threshold
    has a component, every level stays 1, nothing lies above its level, and phi is 1 everywhere. An
    empty true alpha does the same, and so do two alphas that share no pixel of 0.1 or more.

    Args:
        pred, true: (H, W) float64 in [0, 1].
    """
    common = np.minimum(pred, true)
    level = np.ones_like(common)
    connected = np.ones(common.shape, bool)  # inside every component so far
    for previous, threshold in pairwise(THRESHOLDS):
        inside = largest_component(common >= threshold)
        if inside is None:
            continue
        np.copyto(level, previous, where=connected & ~inside)
        connected &= inside
    difference = _connectedness(pred, level)
    difference -= _connectedness(true, level)
    return float(np.abs(difference).sum()) / 1000


def _connectedness(alpha: np.ndarray, level: np.ndarray) -> np.ndarray:
    distance = alpha - level
    distance[distance < CONNECTED_TOLERANCE] = 0
    return 1 - distance


def largest_component(mask: np.ndarray) -> np.ndarray | None:
    """(H, W) bool: the largest 4-connected component of such a mask; None if that is empty.

    Of equally large ones it is the first in raster order.
    """
    count, labels = cv2.connectedComponents(mask.view(np.uint8), connectivity=4, ltype=cv2.CV_32S)
    if count == 1:  # label 0 is the background
        return None
    # Mostly one component holds more than half of the mask, and a sample of pixels tells which.
    likely = np.bincount(labels[::16, ::16].ravel(), minlength=2)[1:].argmax() + 1
    inside = labels == likely
    if 2 * np.count_nonzero(inside) > np.count_nonzero(mask):
        return inside
    areas = np.bincount(labels.ravel())
    areas[0] = 0
    among_largest = np.isin(labels, np.flatnonzero(areas == areas.max()))
    return labels == labels.ravel()[among_largest.argmax()]  # OpenCV promises no order of labels


def to_unit(alpha: np.ndarray, name: str) -> np.ndarray:
    """An alpha as (H, W) float64 in [0, 1]; see check_alpha for what may be given."""
    check_alpha(alpha, name)
    if alpha.dtype in INTEGERS:
        return alpha / np.float64(np.iinfo(alpha.dtype).max)
    return alpha.astype(np.float64)


def check_alpha(alpha: np.ndarray, name: str) -> None:
    """Refuse what can't be measured, by `name`.

    Raises:
        InputError: it is not (H, W) or no uint8, uint16 or float, or it holds values that are not
            finite or, of floats, lie outside [0, 1].
    """
    if alpha.ndim != 2 or alpha.size == 0:
        raise InputError(f"{name} has shape {alpha.shape}; an alpha is (height, width)")
    if alpha.dtype in INTEGERS:
        return
    if not np.issubdtype(alpha.dtype, np.floating):
        raise InputError(
            f"{name} is of type {alpha.dtype}; give uint8 (0 to 255), uint16 (0 to 65535) or "
            "float (0 to 1)"
        )
    if bad := alpha.size - int(np.count_nonzero(np.isfinite(alpha))):
        share = "all" if bad == alpha.size else f"{bad} of {alpha.size}"
        raise InputError(f"{name} holds NaN or infinity at {share} pixels; nothing can be measured")
    low, high = float(alpha.min()), float(alpha.max())
    if low < -RANGE_TOLERANCE or high > 1 + RANGE_TOLERANCE:
        raise InputError(f"{name} reaches from {low:g} to {high:g}; floats must lie in [0, 1]")
