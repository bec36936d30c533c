import re
from types import SimpleNamespace

import numpy as np
import pytest

from engine.prediction.outputs import LayerMaker, blur_background, read_background
from utils.errors import InputError
from utils.images import write_image

RED, BLUE = (200, 30, 30), (30, 30, 200)


@pytest.fixture
def portrait():
    """A red disc with a soft edge on blue: photo (H, W, 3) uint8, alpha (H, W) float32."""
    y, x = np.mgrid[:64, :96]
    alpha = np.clip((20 - np.hypot(y - 32, x - 48)) / 8 + 0.5, 0, 1).astype(np.float32)
    photo = alpha[..., None] * RED + (1 - alpha[..., None]) * BLUE
    return np.rint(photo).astype(np.uint8), alpha


def make(portrait, *kinds, background="green", **options):
    photo, alpha = portrait
    matte = SimpleNamespace(alpha=alpha, trimap=np.full(alpha.shape, 128, np.uint8))
    return LayerMaker(kinds, read_background(background), **options)(photo, matte, "a.jpg")


def test_cutout_has_no_halo_of_the_old_background(portrait):
    cutout = make(portrait, "cutout")["cutout"]
    edge = (cutout[..., 3] > 60) & (cutout[..., 3] < 250)
    assert np.abs(cutout[edge][:, :3].astype(int) - RED).max() < 25
    kept = make(portrait, "cutout", solve=False)["cutout"]
    assert (kept[edge][:, :3] == portrait[0][edge]).all()


def test_cutout_does_not_carry_the_old_scene_along(portrait):
    for solve in (True, False):
        cutout = make(portrait, "cutout", solve=solve)["cutout"]
        assert not cutout[:5].any() and not cutout[:, :20].any()


def test_composite_lies_on_the_new_background(portrait):
    composite = make(portrait, "composite", background="#00ff00")["composite"]
    assert (composite[0, 0] == (0, 255, 0)).all()
    assert np.abs(composite[32, 48].astype(int) - RED).max() <= 2
    assert composite[..., 2].max() < 60  # no blue is left at the edge


def test_alpha_in_8_and_16_bits(portrait):
    assert make(portrait, "alpha")["alpha"].dtype == np.uint8
    deep = make(portrait, "alpha", bits=16)["alpha"]
    assert deep.dtype == np.uint16 and deep.max() == 65535
    assert np.abs(deep / 65535 - portrait[1]).max() < 1e-5


def test_only_wanted_layers_are_made(portrait):
    layers = make(portrait, "trimap", "foreground")
    assert set(layers) == {"trimap", "foreground"}


def test_backgrounds_from_files(portrait, tmp_path):
    photo, alpha = portrait
    for name, colour in (("x.png", 10), ("y.png", 20)):
        write_image(tmp_path / name, np.full((30, 200, 3), colour, np.uint8))
    one = read_background(str(tmp_path / "x.png"))(photo, alpha, "a", None)
    assert one.shape == photo.shape and (one == 10).all()
    folder = read_background(str(tmp_path))
    used = {int(folder(photo, alpha, f"{i}.jpg", None)[0, 0, 0]) for i in range(20)}
    assert used == {10, 20}


def test_what_a_folder_of_backgrounds_passes_over_is_counted(tmp_path, capsys):
    for name in ("x.png", "x.webp"):  # nothing is named after these: stems may repeat
        write_image(tmp_path / name, np.zeros((3, 4, 3), np.uint8))
    (tmp_path / "notes.txt").touch()
    read_background(str(tmp_path))
    assert not capsys.readouterr().out
    read_background(str(tmp_path), say=True)
    assert capsys.readouterr().out == f"passed over in {tmp_path}: 1 .txt\n"


def test_blurred_background_holds_nothing_of_the_person(portrait):
    photo, alpha = portrait
    blurred = blur_background(photo, (alpha > 0).astype(np.float32), sigma=5)
    around = alpha == 0
    assert np.abs(blurred[around].astype(int) - BLUE).max() <= 1


@pytest.mark.parametrize(
    "text", ["grean", "#12", "rgb(300,0,0)", "blur:", "blur:-3", "blur:2000", "nowhere.jpg"]
)
def test_backgrounds_that_are_none(text):
    with pytest.raises(InputError, match=re.escape(text)):
        read_background(text)


def test_empty_background_folder(tmp_path):
    with pytest.raises(InputError, match="holds no"):
        read_background(str(tmp_path))
