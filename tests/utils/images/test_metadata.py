import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from utils.images.encode import encode_image
from utils.images.metadata import Metadata, read_metadata

ORIENTATION, MAKE, SOFTWARE, EXPOSURE, MAKER_NOTE, LATITUDE = 0x112, 0x10F, 0x131, 0x829A, 0x927C, 2


@pytest.fixture
def icc():
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture
def photo(tmp_path, icc):
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE] = 6, "Lens & Sons"
    exif.get_ifd(0x8769).update({EXPOSURE: 0.01, MAKER_NOTE: b"preview" * 9, 0xA002: 30})
    exif.get_ifd(0x8825)[LATITUDE] = (52.0, 31.0, 12.0)
    exif.get_ifd(0x1)[0x201] = 99  # a thumbnail
    path = tmp_path / "a.jpg"
    Image.new("RGB", (30, 20)).save(path, exif=exif, icc_profile=icc, dpi=(300, 300))
    return path


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tiff"])
def test_colour_pictures_inherit_profile_and_exif_without_the_place(photo, icc, ending):
    image = np.zeros((30, 20, 3), np.uint8)
    stored = Image.open(io.BytesIO(encode_image(image, ending, metadata=read_metadata(photo))))
    exif = stored.getexif()
    assert stored.info["icc_profile"] == icc
    assert exif[MAKE] == "Lens & Sons" and ORIENTATION not in exif
    assert set(exif.get_ifd(0x8769)) == {EXPOSURE} and not exif.get_ifd(0x1)
    assert not exif.get_ifd(0x8825)


def test_a_mask_inherits_nothing(photo):
    mask = np.zeros((3, 3), np.uint8)
    assert encode_image(mask, ".png", metadata=read_metadata(photo)) == encode_image(mask, ".png")


def test_text_keeps_its_letters(tmp_path):
    exif = Image.Exif()
    exif[MAKE] = "Söhne".encode()
    Image.new("RGB", (3, 3)).save(tmp_path / "a.jpg", exif=exif)
    metadata = read_metadata(tmp_path / "a.jpg")
    stored = encode_image(np.zeros((3, 3, 3), np.uint8), ".png", metadata=metadata)
    assert "Söhne".encode() in stored


def test_exif_too_long_for_jpeg_is_left(tmp_path):
    exif = Image.Exif()
    exif[MAKE] = "x" * 70_000
    Image.new("RGB", (3, 3)).save(tmp_path / "a.png", exif=exif)
    assert read_metadata(tmp_path / "a.png") == Metadata()


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow says what it could not read
def test_broken_metadata_counts_as_none(photo, tmp_path):
    content = photo.read_bytes()
    start = content.index(b"Exif")
    rng = np.random.default_rng(0)
    for i in range(60):
        broken = bytearray(content)
        for at in rng.integers(start + 6, start + 200, 5):
            broken[at] = rng.integers(256)
        (tmp_path / f"{i}.jpg").write_bytes(broken)
        metadata = read_metadata(tmp_path / f"{i}.jpg")
        encode_image(np.zeros((3, 3, 3), np.uint8), ".jpg", metadata=metadata)
    (tmp_path / "text.jpg").write_text("hello")
    assert read_metadata(tmp_path / "text.jpg") == Metadata()
