"""At which size a photo goes through the network when a checkpoint is measured."""

from itertools import product

import numpy as np

from models.inference import predict
from models.matting import MattingModel
from utils.images.area import fit_area
from utils.prediction import Prediction

STRIDE = 128  # of the paper's network, to whose multiples its evaluation resizes
PROTOCOLS = ("paper", "pad")


def paper_size(size: tuple[int, int], max_area: int | None) -> tuple[int, int]:
    """The network's input size in the paper's protocol (its published evaluation).

    Each side of the photo's (height, width) goes down to a multiple of 128, at least 128. With a
    limit in pixels, the photo is first fitted into that area, and then each side becomes this
    multiple or the next, whichever pair has the largest area still within the limit.
    """
    height, width = (max(side // STRIDE, 1) * STRIDE for side in fit_area(size, max_area))
    if max_area is None:
        return height, width
    pairs = product((height, height + STRIDE), (width, width + STRIDE))
    within = [pair for pair in pairs if pair[0] * pair[1] <= max_area]
    return max(within, key=lambda pair: pair[0] * pair[1], default=(height, width))


def predict_at(
    model: MattingModel, photo: np.ndarray, *, protocol: str, max_area: int | None
) -> Prediction:
    """A prepared network's answer for one photo (H, W, 3) uint8 RGB, at the photo's size.

    Protocol "paper" resizes to multiples of 128 and back, "pad" only pads; before that the photo is
    shrunk to `max_area` pixels, if any.
    """
    if protocol == "pad":
        return predict(model, photo, max_area=max_area)
    size = paper_size((photo.shape[0], photo.shape[1]), max_area)
    return predict(model, photo, fit="resize", size=size, max_area=max_area)
