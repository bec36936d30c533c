import shutil
import struct
import sys
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, PngImagePlugin, features

from data.predictions import read_prediction
from utils.errors import InputError, MissingError
from utils.images import (
    list_images,
    list_photos,
    pair_by_stem,
    print_counts,
    read_alpha,
    read_photo,
    read_rgba,
    read_size,
    tell_passed_over,
    to_integers,
    write_image,
)


@pytest.fixture
def photo():
    ramp = np.linspace(0, 255, 40 * 30).reshape(40, 30)
    return np.stack([ramp, ramp[::-1], ramp[:, ::-1]], axis=2).astype(np.uint8)


@pytest.fixture
def grey(photo):
    return np.ascontiguousarray(photo[..., 0])


def save(path, array, mode=None, **options):
    picture = Image.fromarray(array)
    (picture.convert(mode) if mode else picture).save(path, **options)
    return path


@pytest.mark.parametrize(
    ("channels", "dtype"), [(None, np.uint8), (3, np.uint8), (4, np.uint8), (None, np.uint16)]
)
def test_png_keeps_every_value(tmp_path, channels, dtype):
    shape = (5, 7) if channels is None else (5, 7, channels)
    image = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape).astype(dtype)
    write_image(tmp_path / "a.png", image)
    stored = cv2.imread(str(tmp_path / "a.png"), cv2.IMREAD_UNCHANGED)
    if channels:
        stored = stored[..., [2, 1, 0, 3][:channels]]
    assert stored.dtype == dtype
    assert np.array_equal(stored, image)


def test_photo_round_trip(tmp_path, photo):
    write_image(tmp_path / "a.png", photo)
    write_image(tmp_path / "a.JPG", photo)
    assert np.array_equal(read_photo(tmp_path / "a.png"), photo)
    assert np.abs(read_photo(tmp_path / "a.JPG").astype(int) - photo).mean() < 6


def test_a_photo_reads_as_a_person_sees_it(tmp_path, photo, grey):
    rgba = np.dstack([photo, grey])
    grey3 = np.repeat(grey[..., None], 3, 2)
    assert np.array_equal(read_photo(save(tmp_path / "rgba.png", rgba)), photo)
    assert np.array_equal(read_photo(save(tmp_path / "grey.png", grey)), grey3)
    la = save(tmp_path / "la.png", rgba, "LA")
    assert np.array_equal(read_photo(la), np.array(Image.open(la).convert("RGB")))
    write_image(tmp_path / "deep.png", grey.astype(np.uint16) * 257)
    assert np.array_equal(read_photo(tmp_path / "deep.png"), grey3)
    cv2.imwrite(str(tmp_path / "deep3.png"), photo[..., ::-1].astype(np.uint16) * 257)
    assert np.array_equal(read_photo(tmp_path / "deep3.png"), photo)
    flat = np.full((16, 16, 3), (200, 40, 90), np.uint8)
    cmyk = read_photo(save(tmp_path / "cmyk.jpg", flat, "CMYK", quality=98))
    assert np.abs(cmyk.astype(int) - flat).max() <= 4


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("a.png", "PNG", {}),
        ("a.webp", "WEBP", {"lossless": True}),
        ("a.tif", "TIFF", {}),
        ("a.tiff", "TIFF", {"compression": "tiff_lzw"}),
        ("rgba.tif", "TIFF", {}),
        ("a.avif", "AVIF", {"quality": 100, "subsampling": "4:4:4"}),
    ],
)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_cameras_rotation_is_applied(tmp_path, photo, orientation, name, kind, options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = Image.fromarray(photo).convert("RGBA" if "rgba" in name else "RGB")
    path = draw(tmp_path / name, picture, kind, exif=exif, **options)
    undone = {
        1: photo,
        2: photo[:, ::-1],
        3: photo[::-1, ::-1],
        4: photo[::-1],
        5: photo.transpose(1, 0, 2),
        6: photo.transpose(1, 0, 2)[:, ::-1],
        7: photo[::-1, ::-1].transpose(1, 0, 2),
        8: photo.transpose(1, 0, 2)[::-1],
    }[orientation]
    assert np.allclose(read_photo(path), undone, atol=8 if kind == "AVIF" else 0)
    assert read_size(path) == undone.shape[:2]


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tiff"])
@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 5), np.float32),
        np.zeros((4, 5), bool),
        np.zeros((4, 5, 1), np.uint8),
        np.zeros((4, 5, 3), np.uint16),
        np.zeros((0, 5), np.uint8),
        np.zeros(4, np.uint8),
        "a.png",
    ],
)
def test_what_is_no_picture_is_not_written(tmp_path, array, ending):
    with pytest.raises(InputError, match=rf"a\{ending}: \(.* is no picture"):
        write_image(tmp_path / f"a{ending}", array)
    assert not any(tmp_path.iterdir())


def test_a_rotation_that_is_none_turns_nothing(tmp_path, photo):
    exif = Image.Exif()
    exif[0x0112] = 9
    path = draw(tmp_path / "a.png", Image.fromarray(photo), "PNG", exif=exif)
    assert read_photo(path).shape[:2] == read_size(path) == photo.shape[:2]


def test_a_link_that_leads_nowhere(tmp_path):
    (tmp_path / "a.jpg").symlink_to(tmp_path / "absent")
    with pytest.raises(MissingError, match=r"a\.jpg, where its link leads"):
        read_photo(tmp_path / "a.jpg")


def test_alphas_of_every_depth(tmp_path, grey):
    assert np.array_equal(read_alpha(save(tmp_path / "l.png", grey)), grey)
    assert np.array_equal(
        read_alpha(save(tmp_path / "rgb.png", np.repeat(grey[..., None], 3, 2))), grey
    )
    write_image(tmp_path / "deep.png", grey.astype(np.uint16) * 257)
    assert np.array_equal(read_alpha(tmp_path / "deep.png"), grey)
    one_bit = read_alpha(save(tmp_path / "bit.png", grey, "1"))
    assert set(np.unique(one_bit)) == {0, 255}


def test_masks_that_are_none(tmp_path, photo, grey):
    with pytest.raises(InputError, match=r"colour\.png has colours"):
        read_alpha(save(tmp_path / "colour.png", photo))
    with pytest.raises(InputError, match=r"rgba\.png has an alpha channel"):
        read_alpha(save(tmp_path / "rgba.png", np.dstack([photo, grey])))
    write_image(tmp_path / "shallow.png", grey.astype(np.uint16))
    with pytest.raises(InputError, match=r"shallow\.png has no value above 255 of 65535; scale"):
        read_alpha(tmp_path / "shallow.png")


READERS = {1: (read_alpha, read_prediction), 3: (read_alpha, read_prediction)}
READERS[4] = (read_rgba, read_prediction)


@pytest.mark.parametrize("highest", [1, 255, 257, 1023, 4095])
@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("name", ["mask.png", "mask.tif"])
def test_16_bits_that_hold_fewer_are_refused_by_every_reader(tmp_path, highest, channels, name):
    mask = np.zeros((4, 5), np.uint16)
    mask[1:, :3] = highest
    cv2.imwrite(str(tmp_path / name), np.dstack([mask] * channels))
    for read in READERS[channels]:
        with pytest.raises(InputError, match=rf"{name} has no value above {highest} of 65535; "):
            read(tmp_path / name)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("name", "bits"), [("m.png", 8), ("m.png", 16), ("m.tif", 8), ("m.tif", 16), ("m.webp", 8)]
)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_masks_turn_as_photos_do(tmp_path, grey, orientation, name, bits, channels):
    stored = grey.astype(np.uint16) * 257 if bits == 16 else grey
    tag = struct.pack("<HHII", 0x0112, 3, 1, orientation)
    cv2.imwrite(
        str(tmp_path / name),
        np.dstack([stored] * channels),
        [cv2.IMWRITE_TIFF_COMPRESSION, 1, cv2.IMWRITE_WEBP_QUALITY, 101],
    )
    content = (tmp_path / name).read_bytes()
    if name == "m.tif":  # in the place of a tag without which it is as well
        start = struct.unpack("<I", content[4:8])[0] + 2
        count = struct.unpack("<H", content[start - 2 : start])[0]
        entries = [content[start + 12 * i :][:12] for i in range(count)]
        dispensable = next(entry for entry in entries if entry[:2] in (b"\x1c\x01", b"\x53\x01"))
        entries[entries.index(dispensable)] = tag
        entries.sort(key=lambda entry: struct.unpack("<H", entry[:2])[0])
        content = content[:start] + b"".join(entries) + content[start + 12 * count :]
    else:
        exif = b"II*\0\x08\0\0\0\1\0" + tag + bytes(4)
        if name == "m.png":
            chunk = b"eXIf" + exif
            chunk = struct.pack(">I", len(exif)) + chunk + struct.pack(">I", zlib.crc32(chunk))
            content = content[:33] + chunk + content[33:]
        else:
            Image.open(tmp_path / name).save(tmp_path / name, exif=exif, lossless=True, exact=True)
            content = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content)
    assert read_size(tmp_path / name) == read_photo(tmp_path / name).shape[:2]
    for read in READERS[channels]:
        found = read(tmp_path / name)
        found = found[..., 3] if found.ndim == 3 else found
        upright = read_photo(tmp_path / name)[..., 0]
        np.testing.assert_array_equal(to_integers(found), upright)


def test_16_bits_of_several_channels_are_kept(tmp_path, photo):
    deep = np.arange(20, dtype=np.uint16).reshape(4, 5) * 3000
    for name in ("a.png", "a.tif"):
        for array in (np.dstack([deep] * 3), np.dstack([deep // 2] * 3 + [deep])):
            cv2.imwrite(str(tmp_path / name), array)
            np.testing.assert_array_equal(read_prediction(tmp_path / name), deep)
    cv2.imwrite(str(tmp_path / "colours.png"), photo.astype(np.uint16) * 257)
    with pytest.raises(InputError, match=r"colours\.png has colours"):
        read_prediction(tmp_path / "colours.png")


@pytest.mark.parametrize("kind", ["tif", "jpg"])
def test_a_grey_cmyk_picture_is_a_mask(tmp_path, grey, kind):
    ink = np.dstack([np.zeros_like(grey)] * 3 + [255 - grey])
    Image.fromarray(ink, "CMYK").save(
        tmp_path / f"a.{kind}", **({"quality": 100} if kind == "jpg" else {})
    )
    for read in READERS[1]:
        assert np.abs(read(tmp_path / f"a.{kind}").astype(int) - grey).max() <= 4


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", ["mask.png", "mask.tif"])
def test_masks_of_0_and_1_are_refused(tmp_path, grey, dtype, name):
    write_image(tmp_path / name, (grey > 100).astype(dtype))
    top = np.iinfo(dtype).max
    with pytest.raises(InputError, match=rf"{name} has no value above 1 of {top}; multiply"):
        read_alpha(tmp_path / name)
    write_image(tmp_path / name, (grey > 100).astype(dtype) * top)
    assert np.array_equal(read_alpha(tmp_path / name), np.where(grey > 100, 255, 0))


def test_other_masks_of_0_and_1_are_refused(tmp_path, photo, grey):
    ones = (grey > 100).astype(np.uint8)
    palette = Image.fromarray(ones).convert("P")
    palette.putpalette([0, 0, 0, 1, 1, 1])
    palette.save(tmp_path / "palette.png")
    save(tmp_path / "rgb.png", np.repeat(ones[..., None], 3, 2))
    for name in ("palette.png", "rgb.png"):
        with pytest.raises(InputError, match=f"{name} has no value above 1 .*multiply it by 255"):
            read_alpha(tmp_path / name)
    with pytest.raises(InputError, match=r"a\.png has no value above 1 .*multiply it by 255"):
        read_rgba(save(tmp_path / "a.png", np.dstack([photo, ones])))
    assert not read_alpha(save(tmp_path / "empty.png", np.zeros_like(grey))).any()


def test_a_cut_out_needs_alpha(tmp_path, photo, grey):
    rgba = np.dstack([photo, grey])
    assert np.array_equal(read_rgba(save(tmp_path / "a.png", rgba)), rgba)
    with pytest.raises(InputError, match=r"b\.png has no alpha channel"):
        read_rgba(save(tmp_path / "b.png", photo))


def draw(path, picture, kind, **options):
    """Save a picture as a kind that may need an optional package or a newer Pillow."""
    if kind == "HEIF":
        pytest.importorskip("pillow_heif", reason="optional: requirements-heic.txt")
        import pillow_heif

        pillow_heif.register_heif_opener()
    if kind == "AVIF" and not features.check("avif"):
        pytest.skip("this Pillow has no AVIF")
    picture.save(path, kind, **options)
    return path


KINDS = [
    ("a.jpg", "JPEG", {}),
    ("a.jfif", "JPEG", {}),
    ("a.png", "PNG", {}),
    ("a.webp", "WEBP", {}),
    ("b.webp", "WEBP", {"lossless": True}),
    ("a.tif", "TIFF", {}),
    ("b.tiff", "TIFF", {"compression": "tiff_lzw"}),
    ("c.tiff", "TIFF", {"compression": "jpeg"}),
    ("a.bmp", "BMP", {}),
    ("a.gif", "GIF", {}),
    ("a.avif", "AVIF", {}),
    ("a.heic", "HEIF", {}),
]


@pytest.mark.parametrize(("name", "kind", "options"), KINDS)
def test_every_kind_is_read(tmp_path, photo, name, kind, options):
    path = draw(tmp_path / name, Image.fromarray(photo), kind, **options)
    read = read_photo(path)
    assert read.shape == photo.shape and read.dtype == np.uint8
    assert np.abs(read.astype(int) - photo).mean() < 6
    assert read_size(path) == photo.shape[:2]
    with pytest.raises(InputError, match=f"{name} has 40x30 pixels; at most 1199"):
        read_photo(path, max_pixels=1199)
    other = path.rename(tmp_path / ("a.png" if kind != "PNG" else "a.bmp"))
    assert np.array_equal(read_photo(other), read)  # whatever its name


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "CMYK", "I;16", "F"])
def test_every_mode_of_tiff_is_read(tmp_path, photo, grey, mode):
    picture = Image.fromarray(photo)
    if mode == "I;16":
        picture = Image.fromarray(grey.astype(np.uint16) * 257)
    elif mode == "F":
        picture = Image.fromarray(grey / np.float32(255))
    else:
        picture = picture.convert(mode)
    expected = np.array(picture.convert("RGB"))
    if mode in ("I;16", "F"):
        expected = np.repeat(grey[..., None], 3, 2)
    assert np.array_equal(read_photo(draw(tmp_path / "a.tif", picture, "TIFF")), expected)


def test_a_tiff_whose_zero_is_white(tmp_path, grey):
    deep = Image.fromarray(65535 - grey.astype(np.uint16) * 257)
    path = draw(tmp_path / "a.tif", deep, "TIFF", tiffinfo={262: 0})
    assert np.array_equal(read_alpha(path), grey)


@pytest.mark.parametrize(
    "values", [np.full((4, 5), 2.5, np.float32), np.full((4, 5), 70_000, np.int32)]
)
def test_a_tiff_of_another_range_is_refused(tmp_path, values):
    path = draw(tmp_path / "a.tif", Image.fromarray(values), "TIFF")
    with pytest.raises(InputError, match=r"a\.tif has 32 bits and values from .*; save it with"):
        read_photo(path)


@pytest.mark.parametrize(
    ("name", "kind"), [("a.tif", "TIFF"), ("a.gif", "GIF"), ("a.webp", "WEBP"), ("a.png", "PNG")]
)
def test_the_first_of_several_is_read_and_that_is_said(tmp_path, name, kind, capsys):
    reds = [Image.new("RGB", (20, 10), (red, 0, 0)) for red in (200, 90, 10)]
    path = draw(tmp_path / name, reds[0], kind, save_all=True, append_images=reds[1:])
    for _ in range(2):
        assert np.abs(read_photo(path).astype(int) - (200, 0, 0)).max() <= 8
    assert capsys.readouterr().err == f"note: {path} holds 3 pictures; the first is read\n"


def test_a_tiff_that_lacks_its_later_pages_is_broken(tmp_path):
    pages = [Image.effect_noise((20, 10), 99) for _ in range(3)]
    path = draw(tmp_path / "a.tif", pages[0], "TIFF", save_all=True, append_images=pages[1:])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"a\.tif can't be read: it is broken or truncated"):
        read_photo(path)


@pytest.mark.parametrize("compressed", [True, False])
@pytest.mark.parametrize("kind", ["profile", "iTXt", "zTXt"])
def test_a_png_may_say_much_besides_its_pixels(tmp_path, photo, kind, compressed):
    said = "x" * 3_000_000
    text = PngImagePlugin.PngInfo()
    if kind == "iTXt":
        text.add_itxt("history", said, zip=compressed)
    else:
        text.add_text("history", said, zip=kind == "zTXt" and compressed)
    options = {"icc_profile": said.encode()} if kind == "profile" else {"pnginfo": text}
    path = draw(tmp_path / "a.png", Image.fromarray(photo), "PNG", **options)
    assert np.array_equal(read_photo(path), photo)
    assert read_size(path) == photo.shape[:2]
    if kind == "profile":
        assert Image.open(path).info["icc_profile"] == said.encode()


def test_exif_that_is_none_loses_no_photo(tmp_path, photo):
    path = draw(tmp_path / "a.png", Image.fromarray(photo), "PNG", exif=b"nonsense")
    assert np.array_equal(read_photo(path), photo)
    assert read_size(path) == photo.shape[:2]


def test_heic_without_the_package_is_one_sentence(tmp_path, monkeypatch):
    (tmp_path / "a.HEIC").write_bytes(b"\0\0\0\x1cftypheic\0\0\0\0")
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    shutil.copy(tmp_path / "a.HEIC", tmp_path / "b.jpg")
    for read in (read_photo, read_size):
        for name in ("a.HEIC", "b.jpg"):
            with pytest.raises(InputError, match=rf"{name} holds HEIC, .*requirements-heic\.txt"):
                read(tmp_path / name)


def test_a_form_that_is_not_read_is_not_called_broken(tmp_path, photo):
    assert cv2.imwrite(str(tmp_path / "a.tif"), photo / np.float32(255))
    with pytest.raises(InputError, match=r"a\.tif can't be read as .* an unusual form, or.*anew"):
        read_photo(tmp_path / "a.tif")
    text = PngImagePlugin.PngInfo()
    text.add_itxt("history", "x" * 70_000_000, zip=True)
    path = draw(tmp_path / "a.png", Image.fromarray(photo), "PNG", pnginfo=text)
    with pytest.raises(InputError, match=r"a\.png can't be read \(.*\); if other programs"):
        read_photo(path)


@pytest.mark.parametrize(("name", "kind", "options"), KINDS)
def test_truncated_files_are_refused(tmp_path, name, kind, options):
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    whole = draw(tmp_path / name, Image.fromarray(noise), kind, **options).read_bytes()
    for kept in (3, 30, len(whole) // 2, len(whole) - 400):
        (tmp_path / name).write_bytes(whole[:kept])
        with pytest.raises(InputError, match=f"{name} can't be read"):
            read_photo(tmp_path / name)


def test_files_that_are_no_photos(tmp_path, photo):
    (tmp_path / "zero.jpg").touch()
    with pytest.raises(InputError, match=r"zero\.jpg is empty"):
        read_photo(tmp_path / "zero.jpg")
    (tmp_path / "page.jpg").write_text("<!DOCTYPE html><p>Sign in")
    with pytest.raises(InputError, match=r"page\.jpg is no picture but a web page"):
        read_photo(tmp_path / "page.jpg")
    (tmp_path / "text.jpg").write_text("not a picture")
    with pytest.raises(InputError, match=r"text\.jpg can't be read as JPEG, PNG"):
        read_photo(tmp_path / "text.jpg")
    Image.fromarray(photo).save(tmp_path / "a.bmp", "PPM")
    with pytest.raises(InputError, match=r"holds a PPM picture; convert it to JPEG, PNG"):
        read_photo(tmp_path / "a.bmp")
    with pytest.raises(InputError, match="is a folder"):
        read_photo(tmp_path)
    with pytest.raises(MissingError, match=r"no file .*none\.png"):
        read_photo(tmp_path / "none.png")


def test_too_large_a_photo_is_refused_before_it_is_decoded(tmp_path, photo):
    write_image(tmp_path / "a.png", photo)
    with pytest.raises(InputError, match="40x30 pixels; at most 1199"):
        read_photo(tmp_path / "a.png", max_pixels=1199)


def test_the_limit_can_be_raised_above_what_pillow_allows(tmp_path):
    def chunk(kind, content=b""):
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    path = tmp_path / "large.png"
    header = struct.pack(">II5B", 20_000, 20_000, 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT"))
    with pytest.raises(InputError, match="20000x20000 pixels; at most"):
        read_photo(path)
    with pytest.raises(InputError, match="can't be read"):
        read_photo(path, max_pixels=500_000_000)


def test_writing_refuses_what_a_kind_cannot_hold(tmp_path, photo, grey):
    with pytest.raises(InputError, match=r"can't write \.gif"):
        write_image(tmp_path / "a.gif", photo)
    with pytest.raises(InputError, match=r"a\.jpg: JPEG can't hold \(40, 30, 4\) uint8; use \.png"):
        write_image(tmp_path / "a.jpg", np.dstack([photo, grey]))
    assert not any(tmp_path.iterdir())


def test_a_full_disk_leaves_nothing_behind(tmp_path, photo, monkeypatch):
    write_image(tmp_path / "a.png", photo)
    before = (tmp_path / "a.png").read_bytes()

    def full(path, content):
        with path.open("wb") as file:
            file.write(content[:20])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    for name in ("a.png", "b.png"):
        with pytest.raises(OSError, match=f"No space left on device, make room: .*{name}"):
            write_image(tmp_path / name, photo[::-1])
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == before


def test_folders_are_listed_by_stem(tmp_path):
    for name in ("b.JPG", "a.x.png", "c.jpeg", ".hidden.png", "notes.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    assert {stem: path.name for stem, path in list_images(tmp_path).items()} == {
        "a.x": "a.x.png",
        "b": "b.JPG",
        "c": "c.jpeg",
    }
    (tmp_path / "b.png").touch()
    assert [path.name for path in list_photos(tmp_path)] == ["a.x.png", "b.JPG", "b.png", "c.jpeg"]
    with pytest.raises(InputError, match=r"one stem: b\.JPG and b\.png"):
        list_images(tmp_path)


def test_folders_that_are_none(tmp_path):
    with pytest.raises(InputError, match="holds no"):
        list_images(tmp_path)
    with pytest.raises(MissingError, match=r"no folder .*nowhere; docs/data\.md says"):
        list_images(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        list_images(tmp_path / "file")


def test_pairs_name_every_missing_partner(tmp_path):
    for name in ("image/a.jpg", "image/b.jpg", "mask/a.png", "mask/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    folders = {"image": tmp_path / "image", "alpha": tmp_path / "mask"}
    with pytest.raises(InputError, match=r"b\.jpg has no partner.*mask; .*c\.png has no partner"):
        pair_by_stem(folders)
    (tmp_path / "image/b.jpg").unlink()
    (tmp_path / "mask/c.png").unlink()
    assert pair_by_stem(folders) == {
        "a": {"image": tmp_path / "image/a.jpg", "alpha": tmp_path / "mask/a.png"}
    }


@pytest.mark.parametrize("bits", [8, 16])
def test_integers_from_floats_are_rounded_and_clipped_and_from_integers_rescaled(bits):
    top = 2**bits - 1
    floats = np.array([-1, 0, 0.4 / top, 0.6 / top, 0.5, 1, 2], np.float32)
    assert to_integers(floats, bits).tolist() == [0, 0, 0, 1, round(top / 2), top, top]
    assert (floats == np.array([-1, 0, 0.4 / top, 0.6 / top, 0.5, 1, 2], np.float32)).all()
    levels = np.arange(256, dtype=np.uint8)
    deep = levels.astype(np.uint16) * 257
    assert (to_integers(levels, bits) == (levels if bits == 8 else deep)).all()
    assert (to_integers(deep, bits) == (levels if bits == 8 else deep)).all()


def test_one_line_however_many_endings(tmp_path, capsys):
    print_counts("here", [tmp_path / f"{i}.{i % 13}" for i in range(26)])
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert said.startswith("passed over in here: 2 .0, ") and said.endswith(" (and 3 more)\n")


def test_folders_and_hidden_files_do_not_count(tmp_path, capsys):
    (tmp_path / "folder.txt").mkdir()
    (tmp_path / ".hidden").touch()
    (tmp_path / "a.jpg").touch()
    for place in (tmp_path, tmp_path / "a.jpg", tmp_path / "nowhere"):
        tell_passed_over(place)
    assert not capsys.readouterr().out
    tell_passed_over(str(tmp_path), [".png"])
    assert capsys.readouterr().out == f"passed over in {tmp_path}: 1 .jpg\n"
