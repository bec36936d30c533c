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
def test_colour_pictures_inherit_profile_exif_and_dpi(photo, icc, ending):
    image = np.zeros((30, 20, 3), np.uint8)
    stored = Image.open(io.BytesIO(encode_image(image, ending, metadata=read_metadata(photo))))
    exif = stored.getexif()
    assert stored.info["icc_profile"] == icc
    assert exif[MAKE] == "Lens & Sons" and ORIENTATION not in exif
    assert set(exif.get_ifd(0x8769)) == {EXPOSURE} and not exif.get_ifd(0x1)
    assert exif.get_ifd(0x8825)[LATITUDE] == (52, 31, 12)
    if ending != ".webp":  # WebP has no place for it
        assert round(stored.info["dpi"][0]) == 300


def test_a_mask_inherits_only_the_resolution(photo):
    stored = Image.open(
        io.BytesIO(encode_image(np.zeros((3, 3), np.uint8), ".png", metadata=read_metadata(photo)))
    )
    assert "icc_profile" not in stored.info and not stored.getexif()
    assert round(stored.info["dpi"][0]) == 300


def test_another_scene_has_another_place(photo):
    said = read_metadata(photo).elsewhere()
    stored = encode_image(np.zeros((3, 3, 3), np.uint8), ".jpg", metadata=said)
    exif = Image.open(io.BytesIO(stored)).getexif()
    assert not exif.get_ifd(0x8825)
    assert exif[MAKE] == "Lens & Sons" and exif.get_ifd(0x8769)[EXPOSURE] == 0.01
    assert Metadata(dpi=(72, 72)).elsewhere() == Metadata(dpi=(72, 72))


@pytest.mark.parametrize(
    ("orientation", "dpi"), [(1, (300, 150)), (3, (300, 150)), (6, (150, 300))]
)
def test_the_resolution_turns_with_the_photo(tmp_path, orientation, dpi):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg", exif=exif, dpi=(300, 150))
    assert read_metadata(tmp_path / "a.jpg").dpi == ((300, 150) if orientation < 5 else (150, 300))


def test_text_keeps_its_letters(tmp_path):
    exif = Image.Exif()
    exif[MAKE] = "Söhne".encode()
    Image.new("RGB", (3, 3)).save(tmp_path / "a.jpg", exif=exif)
    for metadata in (
        read_metadata(tmp_path / "a.jpg"),
        read_metadata(tmp_path / "a.jpg").elsewhere(),
    ):
        stored = encode_image(np.zeros((3, 3, 3), np.uint8), ".png", metadata=metadata)
        assert "Söhne".encode() in stored


def test_exif_too_long_for_jpeg_is_left(photo):
    metadata = Metadata(exif=b"Exif\0\0" + bytes(70_000), dpi=(72, 72))
    assert set(metadata.options("RGB", "JPEG")) == {"dpi"}
    assert set(metadata.options("RGB", "PNG")) == {"dpi", "exif"}


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
