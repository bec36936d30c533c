"""Alphas of other programs: every kind reads as it was meant, and what is none is refused."""

import cv2
import numpy as np
import pytest
from PIL import Image

from data.predictions import ENDINGS, read_prediction
from utils.errors import InputError, MissingError
from utils.images import list_images
from utils.metrics import to_unit

RNG = np.random.default_rng(0)
ALPHA = RNG.integers(0, 256, (9, 13), np.uint8)
COLOURS = RNG.integers(0, 256, (9, 13, 3), np.uint8)
ONES = (ALPHA > 128).astype(np.uint8)


def save(path, array):
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        lossless = [cv2.IMWRITE_WEBP_QUALITY, 101]
        assert cv2.imwrite(str(path), array, lossless if path.suffix == ".webp" else [])
    return path


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("a.png", ALPHA),
        ("a.png", ALPHA.astype(np.uint16) * 257),
        ("a.png", np.repeat(ALPHA[..., None], 3, axis=2)),
        ("a.png", np.dstack([COLOURS, ALPHA])),
        ("a.png", np.dstack([COLOURS, ALPHA]).astype(np.uint16) * 257),
        ("a.tiff", ALPHA),
        ("a.tif", ALPHA.astype(np.uint16) * 257),
        ("a.TIF", (ALPHA / 255).astype(np.float32)),
        ("a.tiff", np.dstack([COLOURS, ALPHA])),
        ("a.bmp", ALPHA),
        ("a.webp", np.dstack([COLOURS, ALPHA])),
        ("a.npy", ALPHA),
        ("a.npy", ALPHA / 255),
        ("a.npy", (ALPHA / 255).astype(np.float32)[None]),
        ("a.npy", ALPHA.astype(np.uint16)[..., None] * 257),
        ("a.npy", (ALPHA.astype(np.uint16) * 257).astype(">u2")),
    ],
)
def test_every_kind_reads_the_same(tmp_path, name, array):
    read = to_unit(read_prediction(save(tmp_path / name, array)), "x")
    np.testing.assert_allclose(read, ALPHA / 255, atol=1e-7)


def test_jpeg_and_two_levels(tmp_path):
    smooth = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (64, 1))
    for picture in (smooth, np.repeat(smooth[..., None], 3, axis=2)):
        read = read_prediction(save(tmp_path / "a.jpg", picture))
        assert np.abs(read.astype(int) - smooth).max() < 8
    mask = ALPHA > 128
    (tmp_path / "a.jpg").unlink()
    save(tmp_path / "a.npy", mask)
    for name in ("a.png", "a.tif", "a.bmp", "a.gif"):
        Image.fromarray(mask).save(tmp_path / name)
    for path in tmp_path.glob("a.*"):
        np.testing.assert_array_equal(read_prediction(path), np.where(mask, 255, 0))


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("a.png", COLOURS, "has colours"),
        ("a.png", np.dstack([COLOURS, np.full_like(ALPHA, 255)]), "opaque everywhere"),
        ("a.png", ALPHA.astype(np.uint16), "has no value above 248"),
        ("a.jpg", np.full((9, 13, 3), (200, 50, 50), np.uint8), "has colours"),
        ("a.npy", np.full((4, 5), np.nan), "NaN or infinity at all pixels"),
        ("a.npy", np.full((4, 5), 255.0), "reaches from 255 to 255"),
        ("a.npy", COLOURS, r"shape \(9, 13, 3\)"),
        ("a.npy", np.array(["x"], dtype=object), "can't be read as an array"),
        ("a.npy", ALPHA.astype(np.int32), r"of type int32; give uint8 \(0 to 255\)"),
        ("a.npy", ONES.astype(np.int64), r"of type int64; give uint8 \(0 to 255\)"),
        ("a.npy", ONES, "above 1 of 255; multiply it by 255"),
        ("a.png", ONES, "above 1 of 255; multiply it by 255"),
        ("a.tiff", ONES, "above 1 of 255; multiply it by 255"),
        ("a.bmp", ONES, "above 1 of 255; multiply it by 255"),
        ("a.npy", ONES.astype(np.uint16), "above 1 of 65535; multiply it by 65535"),
        ("a.tif", ONES.astype(np.uint16), "above 1 of 65535; multiply it by 65535"),
        ("a.png", np.dstack([COLOURS, ONES]), "above 1 of 255; multiply it by 255"),
        ("a.npy", ONES.astype(np.uint16) * 4095, "above 4095 of 65535; scale"),
    ],
)
def test_what_is_no_alpha_is_refused_by_name(tmp_path, name, array, message):
    path = save(tmp_path / name, array)
    with pytest.raises(InputError, match=rf"{name}.*{message}"):
        read_prediction(path)


@pytest.mark.parametrize("name", ["a.png", "a.npy", "a.tiff", "a.jpg", "a.webp", "a.bmp"])
@pytest.mark.parametrize("content", [b"", b"nonsense"])
def test_broken_files_are_refused_by_name(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name} (can't be read|is empty)"):
        read_prediction(tmp_path / name)


@pytest.mark.parametrize("name", ["a.png", "a.npy", "a.tiff", "a.jpg", "a.webp", "a.bmp"])
def test_truncated_files_are_refused_by_name(tmp_path, name):
    path = save(tmp_path / name, np.tile(ALPHA, (9, 9)))
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=rf"{name} can't be read"):
        read_prediction(path)


def test_arrays_that_are_not_what_they_say(tmp_path):
    path = tmp_path / "a.npy"
    np.savez(tmp_path / "b.npz", ALPHA)
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (99999999, 99999999), }"
    lying = b"\x93NUMPY\x01\x00v\x00" + header.ljust(117) + b"\n"
    for content in ((tmp_path / "b.npz").read_bytes(), lying):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a\.npy can't be read as an array"):
            read_prediction(path)


def test_listing(tmp_path):
    with pytest.raises(MissingError, match="no folder"):
        list_images(tmp_path / "absent", ENDINGS)
    with pytest.raises(InputError, match=r"holds no .*\.npy"):
        list_images(tmp_path, ENDINGS)
    save(tmp_path / "b.npy", ALPHA)
    save(tmp_path / "a.TIFF", ALPHA)
    save(tmp_path / "c.webp", ALPHA)
    (tmp_path / "notes.txt").write_text("x")
    assert list(list_images(tmp_path, ENDINGS)) == ["a", "b", "c"]
    save(tmp_path / "a.png", ALPHA)
    with pytest.raises(InputError, match=r"a\.TIFF and a\.png; remove one"):
        list_images(tmp_path, ENDINGS)
