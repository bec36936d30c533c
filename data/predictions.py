"""Alphas that any other program wrote: finding and reading them, and refusing what is none."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from utils.errors import InputError
from utils.files import AnyPath
from utils.images import MAX_PIXELS, grey_values, list_images, refuse_faint
from utils.images.decode import KINDS, has_alpha, open_picture
from utils.metrics import INTEGERS, check_alpha

EXACT = (".png", ".tif", ".tiff")  # read by OpenCV, which keeps the 16 bits of cut-outs
OPAQUE = {"uint8": 255, "uint16": 65535}
ENDINGS = (*KINDS, ".npy")


def list_predictions(folder: AnyPath) -> dict[str, Path]:
    """Map stem to path for the predictions in a folder.

    Raises:
        MissingError, InputError: as list_images.
    """
    return list_images(folder, ENDINGS)


def read_prediction(path: AnyPath) -> np.ndarray:
    """Read an alpha as it was written: (H, W) uint8, uint16, or float in [0, 1].

    Grey pictures of 8, 16 or (TIFF) 32 bits, colour pictures whose channels agree, cut-outs, of
    which the alpha channel counts, and arrays (H, W), (1, H, W) or (H, W, 1).

    Raises:
        InputError: it can't be read, its channels differ, a cut-out is opaque everywhere, or it
            holds what no alpha holds; the message names the file.
    """
    path = Path(path)
    array = _read_array(path) if path.suffix.lower() == ".npy" else _read_picture(path)
    check_alpha(array, str(path))
    if array.dtype in INTEGERS:
        refuse_faint(array, path)
    return array


def _read_array(path: Path) -> np.ndarray:
    try:
        array = np.load(path, allow_pickle=False)
        array = array.astype(array.dtype.newbyteorder("="))  # of an archive (.npz): AttributeError
    except (OSError, ValueError, EOFError, AttributeError, MemoryError) as error:
        raise InputError(f"{path} can't be read as an array of numbers (numpy.save)") from error
    if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
        array = array[0] if array.shape[0] == 1 else array[..., 0]
    return array.astype(np.uint8) * 255 if array.dtype == bool else array


def _read_picture(path: Path) -> np.ndarray:
    picture = _decode_exactly(path) if path.suffix.lower() in EXACT else None
    if picture is None:  # Pillow reads more kinds, and says what is wrong with the rest
        opened = open_picture(path, MAX_PIXELS)
        if not has_alpha(opened):
            return grey_values(opened, path)
        picture = np.array(opened.convert("RGBA"))
    if picture.ndim == 2:
        return picture
    if picture.shape[2] in (2, 4):  # grey or colour, and alpha
        alpha = picture[..., -1]
        if alpha.min() == OPAQUE.get(alpha.dtype.name, 1):
            raise InputError(
                f"{path} is a cut-out that is opaque everywhere; if its grey values are meant, "
                "save them without an alpha channel"
            )
        return np.ascontiguousarray(alpha)
    differing = int(np.count_nonzero(np.ptp(picture, axis=2)))
    if differing:
        raise InputError(
            f"{path} is a colour picture: its channels differ at {differing} pixels; an alpha is "
            "grey, or the alpha channel of a cut-out"
        )
    return np.ascontiguousarray(picture[..., 1])


def _decode_exactly(path: Path) -> np.ndarray | None:
    content = np.fromfile(path, np.uint8)
    try:
        return cv2.imdecode(content, cv2.IMREAD_UNCHANGED) if content.size else None
    except cv2.error:  # more pixels than OpenCV takes
        return None
