import struct
import zlib

import numpy as np
import pytest
from PIL import Image, features

from tests.utils.profiles import PROFILES, shown
from utils.images import read_photo
from utils.images.colour import convert_colours
from utils.images.metadata import Metadata, read_metadata


def draw(path, mode, icc):
    y, x = np.mgrid[:24, :32]
    colours = np.stack([x * 8, y * 10, 255 - x * 4 - y * 5], axis=-1).astype(np.uint8)
    picture = Image.fromarray(colours).convert("RGB" if mode == "I;16" else mode)
    if mode == "I;16":
        picture = Image.fromarray(colours[..., 0].astype(np.uint16) * 257)
    picture.save(path, **({"quality": 100} if path.suffix == ".jpg" else {}), icc_profile=icc)
    return path


@pytest.mark.parametrize(
    ("name", "mode", "kind"),
    [
        ("a.png", "L", "grey"),
        ("a.png", "LA", "grey"),
        ("a.png", "I;16", "grey"),
        ("a.jpg", "L", "grey"),
        ("a.jpg", "CMYK", "CMYK"),
        ("a.png", "RGB", "one way"),
        ("a.png", "RGBA", "one way"),
    ],
)
def test_colours_of_a_profile_that_cant_be_kept_become_srgb(tmp_path, capsys, name, mode, kind):
    path = draw(tmp_path / name, mode, PROFILES[kind])
    picture = Image.open(path)
    if mode == "I;16":
        picture = draw(tmp_path / "8.png", "RGB", PROFILES[kind])
        picture = Image.open(picture).getchannel("R")
        picture.info["icc_profile"] = PROFILES[kind]
    elif mode in ("LA", "RGBA"):
        picture = picture.convert(mode[:-1])
    read = read_photo(path)
    assert np.abs(read - shown(picture)).max() <= 2
    assert np.abs(read - np.array(picture.convert("RGB")).astype(int)).max() > 30
    assert read_metadata(path) == Metadata()
    assert not capsys.readouterr().err


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L"])
@pytest.mark.parametrize("kind", ["sRGB", "P3"])
def test_an_rgb_profile_is_kept_and_the_numbers_with_it(tmp_path, mode, kind):
    path = draw(tmp_path / "a.png", mode, PROFILES[kind])
    plain = draw(tmp_path / "b.png", mode, None)
    assert np.array_equal(read_photo(path), read_photo(plain))
    assert read_metadata(path).icc == PROFILES[kind]


@pytest.mark.parametrize(
    ("mode", "icc"),
    [
        ("RGB", b"no profile at all"),
        ("RGB", bytes(200)),
        ("RGB", PROFILES["P3"][:150]),
        ("RGB", PROFILES["P3"][:128] + bytes(300)),
        ("RGB", PROFILES["grey"]),
        ("RGB", PROFILES["CMYK"]),
        ("L", PROFILES["CMYK"]),
        ("L", PROFILES["P3"][:16] + b"GRAY" + PROFILES["P3"][20:]),
        ("CMYK", PROFILES["P3"]),
    ],
)
def test_a_broken_profile_is_told_of_once_and_taken_as_srgb(tmp_path, capsys, mode, icc):
    name = "a.jpg" if mode == "CMYK" else "a.png"
    path = draw(tmp_path / name, mode, icc)
    assert np.array_equal(read_photo(path), read_photo(draw(tmp_path / f"b{name}", mode, None)))
    for _ in range(2):
        assert read_metadata(path) == Metadata()
    told = capsys.readouterr().err
    assert (
        told == f"note: the colour profile of {path} can't be used; its colours are taken as sRGB\n"
    )


def test_converted_colours_look_the_same():
    colours = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    there = convert_colours(colours, None, PROFILES["P3"])
    assert np.abs(there.astype(int) - colours).max() > 15
    picture = Image.fromarray(there)
    picture.info["icc_profile"] = PROFILES["P3"]
    assert (
        np.abs(shown(picture) - colours).max() <= 8 and np.abs(shown(picture) - colours).mean() < 1
    )
    ends = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    assert np.abs(convert_colours(ends, None, PROFILES["P3"]).astype(int) - ends).max() <= 1
    assert convert_colours(colours, None, None) is colours


def chunk(kind, content):
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


SRGB, GAMMA = chunk(b"sRGB", b"\0"), chunk(b"gAMA", struct.pack(">I", 45455))
POINTS = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
WIDE = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))


@pytest.mark.parametrize(
    ("chunks", "told"),
    [
        (b"", False),
        (SRGB, False),
        (GAMMA + POINTS, False),
        (SRGB + chunk(b"gAMA", struct.pack(">I", 55556)), False),
        (chunk(b"cICP", bytes((1, 13, 0, 1))), False),
        (chunk(b"gAMA", struct.pack(">I", 100000)), True),
        (GAMMA + WIDE, True),
        (chunk(b"cICP", bytes((12, 13, 0, 1))), True),
        (chunk(b"cICP", bytes((9, 16, 0, 1))) + SRGB, True),
    ],
)
def test_colours_that_a_png_gives_in_numbers_are_told_of(tmp_path, capsys, chunks, told):
    path = draw(tmp_path / "a.png", "RGB", None)
    content = path.read_bytes()
    path.write_bytes(content[:33] + chunks + content[33:])
    assert read_metadata(path) == Metadata()
    assert ("a.png says without a profile that it isn't sRGB" in capsys.readouterr().err) == told


@pytest.mark.parametrize("ending", ["heic", "avif"])
@pytest.mark.parametrize(("numbers", "told"), [((1, 13), False), ((12, 13), True), ((9, 18), True)])
def test_colours_that_heic_gives_in_numbers_are_told_of(tmp_path, capsys, ending, numbers, told):
    if ending == "heic":
        pillow_heif = pytest.importorskip("pillow_heif", reason="optional: requirements-heic.txt")
        pillow_heif.register_heif_opener()
    elif not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    path = tmp_path / f"a.{ending}"
    Image.new("RGB", (32, 32), "red").save(path)
    head, rest = path.read_bytes().split(b"colrnclx")
    path.write_bytes(head + b"colrnclx" + struct.pack(">HH", *numbers) + rest[4:])
    assert read_metadata(path).icc is None
    assert (f"a.{ending} says without a profile" in capsys.readouterr().err) == told
