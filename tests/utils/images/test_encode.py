import io

import numpy as np
import pytest
from PIL import Image

from utils.errors import InputError
from utils.images.encode import encode_image


@pytest.mark.parametrize("ending", [".png", ".webp", ".tiff", ".TIF"])
@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 4)])
def test_lossless_kinds_keep_every_value(ending, shape):
    """Also the colours under an alpha of 0, which WebP drops unless told not to."""
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    image.reshape(5, 7, -1)[0, 0, -1] = 0
    mode = {7: "L", 3: "RGB", 4: "RGBA"}[shape[-1]]
    stored = Image.open(io.BytesIO(encode_image(image, ending))).convert(mode)
    assert np.array_equal(np.asarray(stored), image)


@pytest.mark.parametrize("ending", [".png", ".tiff"])
def test_alpha_of_16_bits(ending):
    alpha = np.linspace(0, 65535, 35).astype(np.uint16).reshape(5, 7)
    stored = np.asarray(Image.open(io.BytesIO(encode_image(alpha, ending))))
    assert np.array_equal(stored, alpha)


@pytest.mark.parametrize(
    ("ending", "shape", "dtype", "words"),
    [
        (".webp", (4, 4), np.uint16, r"WEBP can't hold \(4, 4\) uint16; use .png"),
        (".webp", (1, 16_384), np.uint8, r"WEBP can't hold \(1, 16384\)"),
        (".jpg", (65_501, 1, 3), np.uint8, r"JPEG can't hold \(65501, 1, 3\)"),
        ("", (4, 4), np.uint8, "no ending"),
    ],
)
def test_what_a_kind_cannot_hold(ending, shape, dtype, words):
    with pytest.raises(InputError, match=words):
        encode_image(np.zeros(shape, dtype), ending)
