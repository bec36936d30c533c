import io
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from data.folders import read_layer
from utils.errors import InputError
from utils.images.decode import read_plain_png
from utils.images.encode import encode_image, encode_quickly_read


def picture(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def saved(array, **options):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG", **options)
    return file.getvalue()


@pytest.mark.parametrize("shape", [(1, 1, 3), (7, 5), (64, 129, 3), (300, 301)])
@pytest.mark.parametrize("encode", [lambda image: encode_image(image, ".png"), saved])
def test_plain_pngs_hold_what_was_written(tmp_path, shape, encode):
    path = tmp_path / "a.png"
    path.write_bytes(encode(picture(shape)))
    assert np.array_equal(read_plain_png(str(path), grey=len(shape) == 2), picture(shape))
    assert read_plain_png(path, grey=len(shape) == 3) is None


def test_so_do_those_that_solving_writes(tmp_path):
    (tmp_path / "a.png").write_bytes(encode_quickly_read(picture((30, 40, 3))))
    assert np.array_equal(read_plain_png(tmp_path / "a.png", grey=False), picture((30, 40, 3)))


TEXT = PngImagePlugin.PngInfo()
TEXT.add_text("title", "anything")
COLOURS = picture((6, 4, 3))


def with_chunk(png, kind, content):
    """The same file, with one more chunk behind the pixels."""
    body = kind + content
    chunk = len(content).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return png[:-12] + chunk + png[-12:]


@pytest.mark.parametrize(
    "content",
    [
        saved(picture((6, 4, 4))),
        saved(COLOURS, transparency=(1, 2, 3)),
        saved(COLOURS, pnginfo=TEXT),
        saved(COLOURS, exif=Image.Exif().tobytes()),
        with_chunk(saved(COLOURS), b"eXIf", Image.Exif().tobytes()),
        with_chunk(saved(COLOURS), b"iTXt", b"XML:com.adobe.xmp"),
        saved(np.zeros((6, 4), np.uint16)),
        encode_image(COLOURS, ".jpg"),
        saved(COLOURS) + b"more",
        saved(COLOURS)[:29],
        b"\x89PNG",
        b"",
    ],
)
@pytest.mark.parametrize("grey", [False, True])
def test_all_others_are_left_to_the_reader_of_all_kinds(tmp_path, content, grey):
    path = tmp_path / "a.png"
    path.write_bytes(content)
    assert read_plain_png(path, grey=grey) is None
    assert read_plain_png(tmp_path / "missing.png", grey=grey) is None
    assert read_plain_png(tmp_path, grey=grey) is None


@pytest.mark.parametrize("layer", ["foreground", "alpha"])
def test_cut_layers_are_refused_as_photos_are(tmp_path, layer):
    whole, path = (
        saved(picture((40, 40, 3) if layer == "foreground" else (40, 40))),
        tmp_path / "a.png",
    )
    for length in range(0, len(whole) - 40, 97):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError, match=r"a\.png"):
            read_layer(layer, path)


def test_what_has_a_changed_byte_is_never_read_as_other_colours(tmp_path):
    whole, path = saved(picture((20, 20, 3))), tmp_path / "a.png"
    for place in range(0, len(whole), 13):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        plain = read_plain_png(path, grey=False)
        assert plain is None or np.array_equal(plain, picture((20, 20, 3)))


def test_a_faint_alpha_is_refused_where_it_is_read_quickly(tmp_path):
    (tmp_path / "a.png").write_bytes(saved(np.eye(6, 8, dtype=np.uint8)))
    with pytest.raises(InputError, match="multiply it by 255"):
        read_layer("alpha", tmp_path / "a.png")
