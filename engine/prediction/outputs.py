"""What is made of a photo once its alpha is known: the layers that predict.py writes."""

import os
import re
import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import ImageColor

from utils.composition import composite, fit_background
from utils.errors import InputError
from utils.foreground import solve_fg_bg
from utils.images import list_photos, read_photo, tell_passed_over, to_integers
from utils.images.colour import convert_colours
from utils.images.metadata import read_metadata
from utils.prediction import Prediction

KEPT_MARGIN = 2  # transparent pixels around the person that keep a colour in a cut-out

# (photo (H,W,3) uint8, alpha (H,W) float32, name, ICC profile of the photo or None: sRGB)
# -> background (H,W,3) uint8 in that profile
Background = Callable[[np.ndarray, np.ndarray, str, bytes | None], np.ndarray]


@dataclass(frozen=True)
class LayerMaker:
    """Makes the wanted layers of one photo; safe to call from several threads.

    Attributes:
        kinds: some of alpha, cutout, foreground, composite, trimap.
        background: where the composite's background comes from.
        solve: estimate the person's own colours (multilevel), so that no halo of the old
            background is left; False keeps the photo's.
        bits: 8 or 16, of the alpha alone.
    """

    kinds: Sequence[str]
    background: Background
    solve: bool = True
    bits: int = 8
    # pymatting's compiled loops are parallel, and numba's fallback pool takes one caller at a time.
    _solver: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __call__(
        self, photo: np.ndarray, matte: Prediction, name: str = "", profile: bytes | None = None
    ) -> dict[str, np.ndarray]:
        """Make the layers; those with colours are in the photo's profile.

        Args:
            photo: (H, W, 3) uint8 RGB.
            matte: what the network says of it; its alpha is read as integers only where
                integer_bits asks for them.
            name: of the photo; picks its background from a folder.
            profile: the photo's, from read_metadata; None: sRGB.

        Returns:
            by kind: alpha (H, W) uint8 or uint16, cutout (H, W, 4) uint8, foreground and composite
            (H, W, 3) uint8, trimap (H, W) uint8.
        """
        layers: dict[str, np.ndarray] = {}
        if "alpha" in self.kinds:
            layers["alpha"] = to_integers(matte.alpha, self.bits)
        if "trimap" in self.kinds:
            layers["trimap"] = matte.trimap
        if self.integer_bits is None:
            alpha, opacity = matte.alpha, to_integers(matte.alpha)
            foreground = self._foreground(photo, alpha) if self.solve else photo
            if "foreground" in self.kinds:
                layers["foreground"] = foreground
            if "cutout" in self.kinds:
                layers["cutout"] = _make_cutout(foreground, opacity)
            if "composite" in self.kinds:
                background = self.background(photo, alpha, name, profile)
                layers["composite"] = composite(foreground, background, opacity)
        return layers

    @property
    def integer_bits(self) -> int | None:
        """The alpha's bits if it is needed for nothing but to be written; None: as float32."""
        return self.bits if set(self.kinds) <= {"alpha", "trimap"} else None

    def _foreground(self, photo: np.ndarray, alpha: np.ndarray) -> np.ndarray:
        """The person's own colours, (H, W, 3) uint8."""
        with self._solver:
            foreground, _ = solve_fg_bg(photo / np.float32(255), alpha, method="ml")
        return to_integers(foreground)


def _make_cutout(foreground: np.ndarray, opacity: np.ndarray) -> np.ndarray:
    """Join colours and alpha, both uint8, to (H, W, 4), and forget the scene that lies behind.

    Pixels that are transparent keep their colour only near the person, where a program that
    scales the cut-out mixes them in; farther off they are black, so that nobody who gets the
    file can bring the old background back.
    """
    near = cv2.dilate(opacity, np.ones((2 * KEPT_MARGIN + 1,) * 2, np.uint8)) > 0
    return np.dstack([foreground * near[..., None], opacity])


def read_background(text: str, *, say: bool = False) -> Background:
    """Understand `--background`: a colour's name, #rrggbb, a photo, a folder, or blur:<pixels>.

    A colour is one of sRGB; it and a photo are converted to the profile of the portrait. A photo is
    scaled to cover the portrait and cut at its middle. Of a folder every portrait gets one photo,
    the same in every run; `say` prints what it holds beside photos. blur:25 is `blur_background`
    of 25 pixels.

    Raises:
        InputError: none of these, or a folder without photos.
    """
    path = Path(text)

    @lru_cache(maxsize=2)  # a video's frames, and most photos of one camera, are of one size
    def fitted(picture: Path, size: tuple[int, int], profile: bytes | None) -> np.ndarray:
        photo = read_photo(picture)
        colours = convert_colours(photo, read_metadata(picture).icc, profile)
        return fit_background(colours, size)

    if path.exists():
        if path.is_dir() and say:
            tell_passed_over(path)
        files = list_photos(path) if path.is_dir() else [path]
        if path.is_file():
            read_photo(path)  # what is wrong with it is said now
        return lambda photo, _, name, profile: fitted(
            files[zlib.crc32(os.fsencode(name)) % len(files)], photo.shape[:2], profile
        )
    blur = re.fullmatch(r"blur:(\d*\.?\d+)", text)
    if blur and 0 < float(blur[1]) <= 1000:
        return lambda photo, alpha, _, __: blur_background(photo, alpha, float(blur[1]))
    try:
        colour = np.array(ImageColor.getrgb(text)[:3], np.uint8)
    except (ValueError, OverflowError):  # the latter of rgb(300,0,0)
        raise InputError(
            f"--background {text!r} is neither a colour (green, #00ff00), nor a photo or folder "
            "that is there, nor blur:<pixels, up to 1000>"
        ) from None
    return lambda photo, _, __, profile: np.broadcast_to(
        convert_colours(colour[None, None], None, profile), photo.shape
    )


def blur_background(photo: np.ndarray, alpha: np.ndarray, sigma: float) -> np.ndarray:
    """Blur what lies behind the person, (H, W, 3) uint8.

    A weighted blur: every pixel counts by 1 - alpha, so that the person's colours don't bleed into
    the background. Deep inside the person, where nothing is seen of it, the result is black.

    Args:
        photo: (H, W, 3) uint8.
        alpha: (H, W) float in [0, 1].
        sigma: of the Gaussian, in pixels of the photo.
    """
    weight = (1 - alpha).astype(np.float32)[..., None]
    sums = cv2.GaussianBlur(np.dstack([photo * weight, weight]), (0, 0), sigma)
    blurred = sums[..., :3] / np.maximum(sums[..., 3:], 1e-4)
    return np.rint(np.clip(blurred, 0, 255)).astype(np.uint8)
