"""One's own portraits: what is estimated of them, and what is left as it is."""

import numpy as np
import pytest

from data.portraits import PortraitDataset, Split, TestPortraits
from utils.errors import InputError, MissingError
from utils.images import read_photo, write_image


@pytest.fixture
def folder(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (48, 40, 3), np.uint8)
    alpha = np.zeros((48, 40), np.uint8)
    alpha[10:, 10:30], alpha[10:, 30:33] = 255, 128
    write_image(tmp_path / "image/me.png", image)
    write_image(tmp_path / "alpha/me.png", alpha)
    return tmp_path


def test_both_layers_are_estimated_once(folder):
    PortraitDataset(folder).solve()
    [sample] = PortraitDataset(folder)
    a = sample.alpha[..., None] / 255
    composed = a * sample.foreground + (1 - a) * sample.background
    assert np.abs(composed - sample.image).mean() < 2
    before = (folder / "fg/me.png").stat().st_mtime_ns
    PortraitDataset(folder).solve()
    assert (folder / "fg/me.png").stat().st_mtime_ns == before


def test_a_foreground_that_is_there_is_not_replaced(folder):
    own = np.full((48, 40, 3), 77, np.uint8)
    write_image(folder / "fg/me.png", own)
    PortraitDataset(folder).solve()
    assert np.array_equal(read_photo(folder / "fg/me.png"), own)
    assert (folder / "bg/me.png").exists()


def test_layers_of_another_size_are_refused_at_the_start(folder):
    write_image(folder / "fg/me.png", np.zeros((40, 40, 3), np.uint8))
    with pytest.raises(InputError, match=r"fg/me\.png is 40x40, but .*image/me\.png is 48x40"):
        PortraitDataset(folder).solve()


def test_links_to_nothing_are_told_of_in_a_sentence(folder):
    for layer in ("image", "alpha"):
        path = folder / layer / "me.png"
        path.unlink()
        path.symlink_to(folder / "gone.png")
    with pytest.raises(InputError, match=r"no file .*image/me\.png"):
        PortraitDataset(folder).solve()


@pytest.fixture
def table(tmp_path):
    text = "name,split\nme,train\nyou,val\nhe,train\n"
    (tmp_path / "manifest.csv").write_text(text)
    return tmp_path / "manifest.csv"


def portraits(folder, *names):
    for name in names:
        write_image(folder / f"image/{name}.png", np.zeros((40, 40, 3), np.uint8))
        write_image(folder / f"alpha/{name}.png", np.full((40, 40), 200, np.uint8))
    return folder


def test_a_split_takes_a_part_and_folders_whole_that_it_does_not_name(tmp_path, table, capsys):
    mine, other = portraits(tmp_path / "a", "me", "you", "x"), portraits(tmp_path / "b", "y", "z")
    split = Split.read(f"{table}:train")
    assert PortraitDataset(mine, split).names == ["me"]
    assert not capsys.readouterr().err
    assert TestPortraits([mine, other], Split.read(f"{table}:val")).names == ["you", "y", "z"]
    assert f"names no portrait of {other}, which is taken whole" in capsys.readouterr().err
    assert TestPortraits([mine]).names == ["me", "x", "you"]


def test_a_table_saved_by_excel_and_one_with_a_short_row(table):
    table.write_text("\ufeff" + table.read_text() + "she\n", encoding="utf-8")
    assert Split.read(f"{table}:val").parts["me"] == "train"
    with pytest.raises(InputError, match="has no test in its column split, only , train, val"):
        Split.read(f"{table}:test")


def test_portraits_to_measure_have_the_trimap_of_ppm(tmp_path):
    [sample] = TestPortraits([portraits(tmp_path / "a", "me")])
    assert (sample.trimap == 128).all() and sample.foreground is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("manifest.csv", "no FILE.csv:PART"),
        ("none.csv:val", "none.csv is not there"),
        ("{table}:test", "has no test in its column split, only train, val"),
        ("{folder}/image/me.png:val", "no CSV with the columns name and split"),
    ],
)
def test_mistakes_with_splits_are_told(folder, table, text, message):
    with pytest.raises((InputError, MissingError), match=message):
        Split.read(text.format(table=table, folder=folder))


def test_equal_names_in_two_folders_are_refused(tmp_path):
    a, b = portraits(tmp_path / "a", "me"), portraits(tmp_path / "b", "me")
    with pytest.raises(InputError, match="holds me, as another folder does"):
        TestPortraits([a, b])
