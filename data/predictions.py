"""Alphas that any other program wrote: reading them, and refusing what is none."""

from pathlib import Path

import numpy as np

from utils.errors import InputError
from utils.files import AnyPath
from utils.images import KINDS, read_mask, refuse_faint
from utils.metrics import check_alpha

ENDINGS = (*KINDS, ".npy")


def read_prediction(path: AnyPath) -> np.ndarray:
    """Read an alpha as it was written: (H, W) uint8, uint16, or float in [0, 1].

    Grey pictures of 8, 16 or (TIFF) 32 bits, colour pictures whose channels agree, cut-outs, of
    which the alpha channel counts, and arrays (H, W), (1, H, W) or (H, W, 1).

    Raises:
        InputError: it can't be read, its channels differ, a cut-out is opaque everywhere, or it
            holds what no alpha holds; the message names the file.
    """
    path = Path(path)
    if path.suffix.lower() != ".npy":
        return read_mask(path, cutouts=True)
    try:
        array = np.load(path, allow_pickle=False)
        array = array.astype(array.dtype.newbyteorder("="))  # of an archive (.npz): AttributeError
    except (OSError, ValueError, EOFError, AttributeError, MemoryError) as error:
        raise InputError(f"{path} can't be read as an array of numbers (numpy.save)") from error
    if array.ndim == 3 and 1 in (array.shape[0], array.shape[2]):
        array = array[0] if array.shape[0] == 1 else array[..., 0]
    if array.dtype == bool:
        array = array.astype(np.uint8) * 255
    check_alpha(array, str(path))
    refuse_faint(array, path)
    return array
