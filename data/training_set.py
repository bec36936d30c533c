"""An endless sequence of augmented crops, each a pure function of the seed and its position."""

import sys
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np
import torch

from data import augment, variety
from data.folders import StoredSample
from utils.composition import composite
from utils.errors import InputError
from utils.files import AnyPath
from utils.images import list_photos, read_photo
from utils.trimap import TRAINING_ELLIPSE, trimap_from_alpha

Value = TypeVar("Value")
LAYERS = ("image", "foreground", "background", "alpha")
CUT_OUT = ("foreground", "alpha")
ORDER, CONTENT, SCENES, SECOND = range(4)  # streams of random numbers that never meet


class Samples(Protocol):
    """Portraits with foreground and background."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> StoredSample: ...


class Kept(dict[Any, Any]):
    """A function's answers by argument, kept in memory, in each process its own; errors aren't."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        self.read = read

    def __missing__(self, key: Any) -> Any:
        self[key] = self.read(key)
        return self[key]

    __call__ = dict.__getitem__


@dataclass(frozen=True)
class Recipe:
    """One augmented crop to be: its layers and all that was drawn for it."""

    name: str  # of the portrait, and of the scene and the second person where it has them
    seed: int  # for whatever else is drawn for this sample
    edge_weight: float  # see StoredSample
    layers: dict[str, np.ndarray]  # without image and background where a scene replaces them
    warp: augment.Warp  # from the crop to these layers
    colours: np.ndarray  # (3, 4) float32, see augment.sample_colours
    scene: np.ndarray | None = None  # (h, w, 3) uint8 of the crop's size, the new background


@dataclass(eq=False)
class TrainingSet(torch.utils.data.Dataset):
    """Augmented crops by position 0, 1, 2, ... without end; every epoch in another order.

    An item is a dict: name str (of the portrait, and of the scene and the second person where it
    has them), seed int (for whatever else a step draws for this sample), edge_weight float, image,
    foreground, background (3, H, W) uint8 RGB, alpha and trimap (1, H, W) uint8. It depends on
    nothing but `seed` and the position, so neither workers nor a resume change it. A broken file is
    said once on stderr, and the next sample in that epoch's order stands in for it. Only what a
    sample needs is read: where a scene replaces the background, neither that nor the whole photo.

    Raises:
        MissingError, InputError: if `samples` is empty or `backgrounds` is no folder of images.
    """

    samples: Samples
    _: KW_ONLY
    crop_size: int = 896  # side, in pixels
    seed: int = 0  # of the run
    version: str = "V2"  # or "V1", "strong"; see data.augment
    backgrounds: AnyPath | None = None  # folder of scenes without people (BG-20K/train)
    replace: float = 0.5  # share of the samples whose background is replaced by one of these
    empty: float = 0.0  # share of these that show the scene alone, with nobody in it
    recombine: bool = False  # second people, other light and writing where one is replaced
    degrade: bool = False  # blur, noise and JPEG on the photo, and grey samples
    scale: tuple[float, float] = augment.V2_SCALE  # see augment.sample_warp
    ellipse: int = TRAINING_ELLIPSE  # of the trimaps, in pixels of the crop
    keep: bool = False  # hold decoded scenes in memory

    def __post_init__(self) -> None:
        if not len(self.samples):
            raise InputError("there is no sample to train on")
        self.size = (self.crop_size, self.crop_size)
        self.scenes = list_photos(self.backgrounds) if self.backgrounds else []
        self.replace *= bool(self.scenes)
        self.read_scene = Kept(read_photo) if self.keep else read_photo
        # Shared by the workers, so that each photo's mean is read once, and each broken file said.
        self._greys = torch.full((len(self.samples),), torch.nan, dtype=torch.float64)
        self._greys.share_memory_()
        self._broken = torch.zeros(len(self.samples), dtype=torch.bool).share_memory_()
        self._broken_scenes = torch.zeros(len(self.scenes), dtype=torch.bool).share_memory_()

    def __getitem__(self, position: int) -> dict[str, Any]:
        recipe = self.draw(position)
        tensors = {name: _tensor(layer) for name, layer in self.carry_out(recipe).items()}
        facts = {"name": recipe.name, "seed": recipe.seed, "edge_weight": recipe.edge_weight}
        return facts | tensors

    def carry_out(self, recipe: Recipe) -> dict[str, np.ndarray]:
        """image, foreground, background (h, w, 3), alpha and trimap (h, w); all uint8."""
        scene = recipe.scene
        layers = augment.apply_warp(recipe.layers, recipe.warp, self.size, alone=scene is not None)
        if scene is not None:
            layers["background"] = scene
        for name in layers.keys() - {"alpha"}:
            layers[name] = cv2.transform(layers[name], recipe.colours)
        if scene is not None:
            layers["image"] = composite(layers["foreground"], layers["background"], layers["alpha"])
        if self.degrade:
            rng = np.random.default_rng(recipe.seed)
            layers["image"] = variety.degrade_photo(rng, layers["image"])
        return layers | {"trimap": trimap_from_alpha(layers["alpha"], self.ellipse)}

    def draw(self, position: int) -> Recipe:
        """Read a sample's files and draw its transforms."""
        epoch, place = divmod(position, len(self.samples))
        order = np.roll(self._random(ORDER, epoch).permutation(len(self.samples)), -place)
        recipe, rng = self._load(lambda i: self._own(i, position), order, self._broken)
        return recipe if "image" in recipe.layers else self._before_scene(recipe, rng, position)

    def _own(self, index: int, position: int) -> tuple[Recipe, np.random.Generator]:
        """A portrait, without photo and background where a scene is to come; and what draws on."""
        sample, rng = self.samples[index], self._random(CONTENT, position)
        seed = int(rng.integers(2**62))
        alpha = sample.layer("alpha")
        warp = augment.sample_warp(rng, self.version, alpha, self.size, self.scale)
        grey_share = variety.GREY_SHARE if self.degrade else 0.0
        colours = augment.sample_colours(rng, grey_share, self.version)
        if rng.random() < self.replace:
            layers = {name: sample.layer(name) for name in CUT_OUT}
            if self._greys[index].isnan():
                self._greys[index] = sample.mean_grey()
            grey = self._greys[index].item()
        else:
            layers = {name: sample.layer(name) for name in LAYERS}
            grey = augment.mean_grey(layers["image"])
            if augment.RANGES[self.version].roam and self.scale[0] < 1:
                # Smaller than the crop, a whole photo would go on mirrored: a kaleidoscope.
                larger = max(1.0, self.scale[0]), max(1.0, self.scale[1])
                warp = augment.sample_warp(rng, self.version, alpha, self.size, larger)
        colours[:, 3] *= grey
        colours = colours.astype(np.float32)
        return Recipe(sample.name, seed, sample.edge_weight, layers, warp, colours), rng

    def _before_scene(self, recipe: Recipe, rng: np.random.Generator, position: int) -> Recipe:
        """The same people, or nobody, before one of the scenes."""
        layers, warp, edge_weight = dict(recipe.layers), recipe.warp, recipe.edge_weight
        order = self._random(SCENES, position).permutation(len(self.scenes))
        path, scene = self._load(
            lambda i: (self.scenes[i], self.read_scene(self.scenes[i])), order, self._broken_scenes
        )
        name = f"{recipe.name} before {path.name}"
        window = augment.sample_window(rng, scene.shape[:2], self.size)
        if self.recombine:
            # A stream of its own, so that all else is drawn as without.
            other = self._random(SECOND, position)
            if other.random() < variety.SECOND_SHARE:
                order = other.permutation(len(self.samples))
                second = self._load(lambda i: self.samples[i].having(*CUT_OUT), order, self._broken)
                layers |= variety.join_people(other, layers, second.read)
                name += f" with {second.name}"
                edge_weight = min(edge_weight, second.edge_weight)
            layers["foreground"] = variety.light_people(other, layers["foreground"])
            scene = variety.write_on_scene(rng, scene)
        if self.empty and rng.random() < self.empty:
            name = f"nobody before {path.name}"
            layers["alpha"], edge_weight = np.zeros_like(layers["alpha"]), 1.0
        elif self.version != "V1":
            warp = variety.stand(warp, layers["alpha"], self.size)
        scene = augment.cut_window(scene, window, self.size)
        return Recipe(name, recipe.seed, edge_weight, layers, warp, recipe.colours, scene)

    def _load(self, read: Callable[[int], Value], order: np.ndarray, broken: torch.Tensor) -> Value:
        """read(i) of the first i in `order` that works; says once what does not."""
        reason: InputError | None = None
        for i in order.tolist():
            try:
                return read(i)
            except InputError as error:
                # Tried again next time, which may need other files of it.
                reason = error
                if not broken[i]:
                    print(f"skipped: {error}", file=sys.stderr, flush=True)
                broken[i] = True
        raise InputError(f"not one file can be read; the last: {reason}")

    def _random(self, stream: int, number: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream, number])


def _tensor(layer: np.ndarray) -> torch.Tensor:
    """(H, W[, C]) to contiguous (C, H, W)."""
    tensor = torch.empty((layer[0, 0].size, *layer.shape[:2]), dtype=torch.uint8)
    cv2.split(layer, list(tensor.numpy()))  # several times faster than NumPy's transposing
    return tensor
