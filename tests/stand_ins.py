"""A network that is none and portraits that lie in no files, for tests of what stands around."""

from dataclasses import dataclass

import numpy as np

from data.augment import mean_grey
from data.folders import StoredSample


@dataclass
class FakeMatte:
    alpha: np.ndarray
    trimap: np.ndarray


def fake_predictor(photos, bits=None):
    """The red channel is the alpha."""
    reds = [photo[..., 0] for photo in photos]
    return [FakeMatte(red / np.float32(255), np.full_like(red, 128)) for red in reds]


class InMemory(StoredSample):
    def mean_grey(self):
        return mean_grey(self.read["image"])


def in_memory(name, image, alpha, foreground, background):
    """A sample that is read already."""
    layers = {"image": image, "alpha": alpha, "foreground": foreground, "background": background}
    return InMemory(name, {}, read=layers)
