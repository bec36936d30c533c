"""How steadily a predicted alpha follows the true one over time.

Both are of Erofeev, Gitman, Vatolin, Fedorov and Wang, "Perceptually Motivated Benchmark for
Video Matting", BMVC 2015. p is the predicted and a the true alpha of frame t, in [0, 1].
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import cv2
import numpy as np

from utils.errors import InputError
from utils.metrics import size_text, to_unit


def measure_sequence(
    pred: Iterable[np.ndarray], true: Iterable[np.ndarray], frames: Iterable[np.ndarray]
) -> dict[str, float]:
    """dtSSD and MESSDdt, means over the pairs of consecutive frames; 0 where all is perfect.

    At most two frames of each are held, so that generators of long videos will do.

    Args:
        pred: (H, W) predicted alphas; uint8, uint16 or float in [0, 1].
        true: (H, W) true alphas, likewise.
        frames: the video, (H, W, 3) uint8 RGB, in which the motion is seen.

    Raises:
        InputError: fewer than two frames, different numbers or sizes, or alphas that can't be
            measured (see utils.metrics.check_alpha).
    """
    still, moving = [], []
    for (pred_now, true_now, now), (pred_next, true_next, following) in pairwise(
        _checked(pred, true, frames)
    ):
        still.append(change_error(pred_now, pred_next, true_now, true_next))
        flow = estimate_flow(now, following)
        moving.append(motion_error(pred_now, pred_next, true_now, true_next, flow))
    if not still:
        raise InputError("a sequence of fewer than two frames has no change to measure")
    return {"dtSSD": float(np.mean(still)), "MESSDdt": float(np.mean(moving))}


def _checked(
    pred: Iterable[np.ndarray], true: Iterable[np.ndarray], frames: Iterable[np.ndarray]
) -> Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    size = None
    try:
        for number, (p, a, frame) in enumerate(zip(pred, true, frames, strict=True)):
            size = size or frame.shape[:2]
            for layer in (p, a, frame):
                if layer.shape[:2] != size:
                    raise InputError(
                        f"frame {number}: {size_text(layer)} where the first is "
                        f"{size[0]}x{size[1]}; alphas and frames must have one size"
                    )
            yield to_unit(p, f"prediction {number}"), to_unit(a, f"truth {number}"), frame
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"predictions, truths and frames differ in number: {error}") from error


def change_error(
    pred_now: np.ndarray, pred_next: np.ndarray, true_now: np.ndarray, true_next: np.ndarray
) -> float:
    """dtSSD of two frames: sqrt(sum ((p(t+1) - p(t)) - (a(t+1) - a(t)))^2).

    An error that stays where it is costs nothing, flicker does. RobustVideoMatting prints the root
    of the mean, times 100; others sum over unknown pixels only.

    Args:
        pred_now, pred_next, true_now, true_next: (H, W) float64.
    """
    change = (pred_next - pred_now) - (true_next - true_now)
    return float(np.sqrt(np.sum(change**2)))


def motion_error(
    pred_now: np.ndarray,
    pred_next: np.ndarray,
    true_now: np.ndarray,
    true_next: np.ndarray,
    flow: np.ndarray,
) -> float:
    """MESSDdt of two frames: sum |(p(x, t) - a(x, t))^2 - (p(x + v, t+1) - a(x + v, t+1))^2|.

    v is the motion at x; an error that moves with the picture costs nothing. Between pixels the
    squared error is interpolated, and pixels that leave the picture are left out; the authors say
    nothing of either, and other implementations round v and clamp.

    Args:
        pred_now, pred_next, true_now, true_next: (H, W) float64.
        flow: (H, W, 2) float32, v as (x, y) in pixels.
    """
    H, W = pred_now.shape
    y, x = np.mgrid[0:H, 0:W].astype(np.float32)
    x, y = x + flow[..., 0], y + flow[..., 1]
    inside = (x >= 0) & (x <= W - 1) & (y >= 0) & (y <= H - 1)
    following = cv2.remap((pred_next - true_next) ** 2, x, y, cv2.INTER_LINEAR)
    difference = (pred_now - true_now) ** 2 - following
    return float(np.abs(difference[inside]).sum())


def estimate_flow(now: np.ndarray, following: np.ndarray) -> np.ndarray:
    """Where every pixel goes: (H, W, 3) uint8 RGB frames -> (H, W, 2) float32 (x, y) in pixels.

    By dense inverse search (Kroeger et al. 2016), OpenCV's, medium preset; frames with a side below
    16 px, for which it has no patch, are taken to stand still.
    """
    if min(now.shape[:2]) < 16:
        return np.zeros((*now.shape[:2], 2), np.float32)
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    first, second = (cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame in (now, following))
    return np.asarray(search.calc(first, second, np.zeros((*first.shape, 2), np.float32)))
