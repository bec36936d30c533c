"""An endless sequence of augmented crops, each a pure function of the seed and its position."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np
import torch

from P3MData.augment import apply_warp, sample_background_warp, sample_colours, sample_warp
from utils.composition import composite
from utils.errors import InputError
from utils.images import list_images, read_photo
from utils.sample import Sample
from utils.trimap import TRAINING_ELLIPSE, trimap_from_alpha

Value = TypeVar("Value")
ORDER, CONTENT, SCENES = range(3)  # streams of random numbers that never meet


class Samples(Protocol):
    """What `P3MDataset(root, "train")` offers."""

    names: list[str]

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...


def positions(start: int, stop: int, rank: int = 0, world: int = 1) -> range:
    """The sampler of one of `world` processes: its share of the positions start ... stop − 1.

    A run that has used p samples (all processes together) goes on with start = p; a global batch
    holds the same samples however many processes share it.
    """
    return range(start + rank, stop, world)


class TrainingSet(torch.utils.data.Dataset):
    """Augmented crops by position 0, 1, 2, ... without end; every epoch in another order.

    An item is a dict: name str, seed int (for whatever else a step draws for this sample),
    image, foreground, background (3, H, W) uint8 RGB, alpha and trimap (1, H, W) uint8. It depends
    on nothing but `seed` and the position, so neither workers nor a resume change it. A broken
    file is said once on stderr, and the next sample in that epoch's order stands in for it.

    Args:
        samples: portraits with foreground and background, e.g. P3MDataset(root, "train").
        crop_size: side of the crop, in pixels.
        seed: of the run.
        version: "V1" or "V2", see `P3MData.augment`.
        backgrounds: folder of scenes without people (BG-20K/train), or None.
        replace: share of the samples whose background is replaced by one of these.

    Raises:
        MissingError, InputError: if `samples` is empty or `backgrounds` is no folder of images.
    """

    def __init__(
        self,
        samples: Samples,
        *,
        crop_size: int = 896,
        seed: int = 0,
        version: str = "V2",
        backgrounds: Path | None = None,
        replace: float = 0.5,
    ) -> None:
        if not len(samples):
            raise InputError("there is no sample to train on")
        self.samples = samples
        self.size = (crop_size, crop_size)
        self.seed = seed
        self.version = version
        self.scenes = list(list_images(backgrounds).values()) if backgrounds else []
        self.replace = replace if self.scenes else 0.0
        # Shared by the workers, so that each broken file is said once.
        self._broken = torch.zeros(len(samples), dtype=torch.bool).share_memory_()
        self._broken_scenes = torch.zeros(len(self.scenes), dtype=torch.bool).share_memory_()

    def __getitem__(self, position: int) -> dict[str, Any]:
        epoch, place = divmod(position, len(self.samples))
        order = self._random(ORDER, epoch).permutation(len(self.samples))
        sample = self._load(self.samples.__getitem__, np.roll(order, -place), self._broken)
        rng = self._random(CONTENT, position)
        item_seed = int(rng.integers(2**62))
        layers = self._augment(sample, rng, position)
        trimap = trimap_from_alpha(layers["alpha"], TRAINING_ELLIPSE)
        tensors = {name: _tensor(layer) for name, layer in (layers | {"trimap": trimap}).items()}
        return {"name": sample.name, "seed": item_seed} | tensors

    def _augment(
        self, sample: Sample, rng: np.random.Generator, position: int
    ) -> dict[str, np.ndarray]:
        names = ("image", "foreground", "background", "alpha")
        known = {name: getattr(sample, name) for name in names}
        warp = sample_warp(rng, self.version, known["alpha"], self.size)
        colours = sample_colours(rng, known["image"])
        replaced = rng.random() < self.replace
        if replaced:
            del known["image"], known["background"]
        layers = apply_warp(known, warp, self.size)
        if replaced:
            order = self._random(SCENES, position).permutation(len(self.scenes))
            scene = self._load(lambda i: read_photo(self.scenes[i]), order, self._broken_scenes)
            scene_warp = sample_background_warp(rng, scene.shape[:2], self.size)
            layers |= apply_warp({"background": scene}, scene_warp, self.size)
        for name in layers:
            if name != "alpha":
                layers[name] = cv2.transform(layers[name], colours)
        if replaced:
            layers["image"] = composite(layers["foreground"], layers["background"], layers["alpha"])
        return layers

    def _load(self, read: Callable[[int], Value], order: np.ndarray, broken: torch.Tensor) -> Value:
        """read(i) of the first i in `order` that works; says once what does not."""
        reason: InputError | None = None
        for i in order.tolist():
            if broken[i]:
                continue
            try:
                return read(i)
            except InputError as error:
                reason = error
                broken[i] = True
                print(f"skipped from now on: {error}", file=sys.stderr, flush=True)
        raise InputError("not one file can be read" + (f"; the last: {reason}" if reason else ""))

    def _random(self, stream: int, number: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream, number])


def _tensor(layer: np.ndarray) -> torch.Tensor:
    """(H, W[, C]) to contiguous (C, H, W)."""
    return torch.from_numpy(np.ascontiguousarray(np.atleast_3d(layer).transpose(2, 0, 1)))
