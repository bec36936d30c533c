import shutil

import cv2
import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from data.folders import FolderDataset
from data.training_set import TrainingSet
from engine.training.data import Mixture
from tests.stand_ins import in_memory
from utils.errors import InputError
from utils.images import write_image


class Portraits:
    """Small portraits in memory; those in `broken` raise when read."""

    def __init__(self, count=5, broken=()):
        self.names = [f"p{i}" for i in range(count)]
        self.broken = broken

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        if index in self.broken:
            raise InputError(f"{self.names[index]}.jpg can't be read")
        y, x = np.mgrid[0:150, 0:170]
        alpha = (np.clip((50 - np.hypot(y - 80, x - 80)) / 6 + 0.5, 0, 1) * 255).astype(np.uint8)
        foreground = np.full((150, 170, 3), 40 + 20 * index, np.uint8)
        background = np.full((150, 170, 3), 200, np.uint8)
        a = alpha[..., None] / 255
        image = np.rint(a * foreground + (1 - a) * background).astype(np.uint8)
        return in_memory(self.names[index], image, alpha, foreground, background)


@pytest.fixture
def scenes(tmp_path):
    for i in range(3):
        colour = np.array([250, 20 * i, 10], np.uint8)
        write_image(tmp_path / f"scenes/{i}.png", np.full((60, 300, 3), colour))
    return tmp_path / "scenes"


def same(a, b):
    return a.keys() == b.keys() and all(
        torch.equal(a[k], b[k]) if torch.is_tensor(a[k]) else a[k] == b[k] for k in a
    )


def test_items_are_what_training_takes(scenes):
    item = TrainingSet(Portraits(), crop_size=128, backgrounds=scenes)[3]
    for name, channels in [("image", 3), ("foreground", 3), ("background", 3), ("alpha", 1)]:
        assert item[name].shape == (channels, 128, 128)
        assert item[name].dtype == torch.uint8
        assert item[name].is_contiguous()
    assert set(item["trimap"].unique().tolist()) <= {0, 128, 255}
    soft = (item["alpha"] > 0) & (item["alpha"] < 255)
    assert (item["trimap"][soft] == 128).all()
    assert item["name"].startswith("p")
    assert isinstance(item["seed"], int)


def test_an_item_depends_on_seed_and_position_alone(scenes):
    def items(start, stop, workers, seed=7):
        data = TrainingSet(Portraits(), crop_size=128, seed=seed, backgrounds=scenes)
        loader = DataLoader(data, batch_size=None, sampler=range(start, stop), num_workers=workers)
        return list(loader)

    whole = items(0, 12, 0)
    assert all(map(same, items(0, 12, 2), whole))
    assert all(map(same, items(8, 12, 0), whole[8:]))
    assert not any(map(same, items(0, 4, 0, seed=8), whole))
    assert len({item["seed"] for item in whole}) == 12


def test_each_epoch_holds_every_portrait_once_in_another_order():
    data = TrainingSet(Portraits(9), crop_size=128)
    epochs = [[data[9 * e + i]["name"] for i in range(9)] for e in range(3)]
    assert all(sorted(names) == data.samples.names for names in epochs)
    assert epochs[0] != epochs[1] != epochs[2]


def test_a_replaced_background_is_the_composition_losss_truth(scenes):
    data = TrainingSet(Portraits(), crop_size=128, backgrounds=scenes, replace=1.0)
    for position in range(4):
        item = {k: v.float() for k, v in data[position].items() if torch.is_tensor(v)}
        a = item["alpha"] / 255
        composed = a * item["foreground"] + (1 - a) * item["background"]
        assert (composed - item["image"]).abs().max() <= 0.51
        colour = item["background"].mean((1, 2))
        assert colour.max() - colour.min() > 50  # a scene, not the grey behind the portraits


def test_a_share_of_the_backgrounds_is_replaced(scenes):
    data = TrainingSet(Portraits(), crop_size=128, backgrounds=scenes, replace=0.5)
    colours = [data[i]["background"].float().mean((1, 2)) for i in range(40)]
    grey = [bool(colour.max() - colour.min() < 50) for colour in colours]
    assert 8 < sum(grey) < 32


def test_recombined_samples_are_composites_and_only_where_a_scene_is(scenes):
    options = {"crop_size": 128, "backgrounds": scenes}
    plain = TrainingSet(Portraits(), **options, replace=1.0)
    varied = TrainingSet(Portraits(), **options, replace=1.0, recombine=True)
    changed = 0
    for position in range(24):
        item = {k: v.float() for k, v in varied[position].items() if torch.is_tensor(v)}
        a = item["alpha"] / 255
        composed = a * item["foreground"] + (1 - a) * item["background"]
        assert (composed - item["image"]).abs().max() <= 0.51
        changed += not same(varied[position], plain[position])
    assert 5 < changed < 24
    own = TrainingSet(Portraits(), **options, replace=0.0, recombine=True)
    assert same(own[1], TrainingSet(Portraits(), **options, replace=0.0)[1])


def test_kept_scenes_are_read_once_and_change_nothing(scenes):
    options = {"crop_size": 128, "backgrounds": scenes, "replace": 1.0}
    kept = TrainingSet(Portraits(), **options, keep=True)
    fresh = TrainingSet(Portraits(), **options)
    assert all(same(kept[i], fresh[i]) for i in range(8))
    for path in scenes.iterdir():
        path.unlink()
    assert same(kept[3], kept[3])


@pytest.mark.parametrize("workers", [0, 2])
def test_broken_portraits_are_skipped_and_said_once(capfd, workers):
    data = TrainingSet(Portraits(5, broken=(1, 3)), crop_size=128)
    loader = DataLoader(data, batch_size=None, sampler=range(15), num_workers=workers)
    items = list(loader)
    assert {item["name"] for item in items} == {"p0", "p2", "p4"}
    said = capfd.readouterr().err
    if not workers:  # two workers may meet a file in the same instant
        assert said.count("p1.jpg can't be read") == said.count("p3.jpg can't be read") == 1
    resumed = TrainingSet(Portraits(5, broken=(1, 3)), crop_size=128)
    assert all(same(resumed[i], items[i]) for i in range(9, 15))


def test_a_broken_scene_is_skipped(scenes, capfd):
    (scenes / "1.png").write_bytes(b"")
    data = TrainingSet(Portraits(), crop_size=128, backgrounds=scenes, replace=1.0)
    assert len([data[i] for i in range(30)]) == 30
    assert capfd.readouterr().err.count("1.png is empty") == 1


def test_only_broken_files_are_an_error():
    data = TrainingSet(Portraits(3, broken=(0, 1, 2)), crop_size=128)
    with pytest.raises(InputError, match=r"not one file can be read; the last: p\d\.jpg"):
        data[0]
    with pytest.raises(InputError, match="not one file can be read"):
        data[1]
    with pytest.raises(InputError, match="no sample"):
        TrainingSet(Portraits(0), crop_size=128)


def test_scenes_without_anybody_are_scenes_alone(scenes):
    data = TrainingSet(Portraits(), crop_size=128, backgrounds=scenes, replace=1, empty=1)
    for item in (data[i] for i in range(4)):
        assert not item["alpha"].any() and not item["trimap"].any()
        assert torch.equal(item["image"], item["background"])
        assert item["name"].startswith("nobody before")
    data = TrainingSet(Portraits(), crop_size=128, backgrounds=scenes, replace=0.5, empty=0.5)
    empty = sum(not data[i]["alpha"].any() for i in range(60))
    assert 5 < empty < 30


class Bust(Portraits):
    """A person whom the photo's lower border cuts off."""

    def __getitem__(self, index):
        alpha = np.zeros((150, 170), np.uint8)
        alpha[60:, 50:120] = 255
        plain = np.full((150, 170, 3), 90, np.uint8)
        return in_memory(self.names[index], plain, alpha, plain, plain)


def test_a_small_cut_out_person_stands_on_the_lower_border_and_is_there_once(scenes):
    data = TrainingSet(
        Bust(), crop_size=128, backgrounds=scenes, replace=1, version="strong", scale=(0.4, 0.6)
    )
    for item in (data[i] for i in range(20)):
        alpha = item["alpha"][0].numpy()
        count, _ = cv2.connectedComponents((alpha > 127).astype(np.uint8))
        assert count == 2  # the ground and one person, not mirrored ones besides
        assert alpha[-3:].max() > 127


def test_a_photo_as_it_is_fills_the_crop_where_people_get_small():
    data = TrainingSet(Bust(), crop_size=128, version="strong", scale=(0.3, 1.0))
    for item in (data[i] for i in range(20)):
        count, _ = cv2.connectedComponents((item["alpha"][0].numpy() > 127).astype(np.uint8))
        assert count <= 4  # at a scale of 0.3 some ten mirrored people


@pytest.fixture
def stored(tmp_path):
    """Three noisy portraits in files: TrainingSet takes them stored, and decoded as a whole."""
    rng = np.random.default_rng(0)
    layers = ("image", "alpha", "foreground", "background")
    for layer in layers:
        for name in "abc":
            noise = rng.integers(
                0, 256, (150, 170) if layer == "alpha" else (150, 170, 3), np.uint8
            )
            ending = ".jpg" if layer == "image" else ".png"
            write_image(tmp_path / layer / f"{name}{ending}", cv2.blur(noise, (9, 9)))
    return tmp_path, FolderDataset({layer: tmp_path / layer for layer in layers})


def test_a_replaced_sample_reads_neither_background_nor_the_whole_photo(stored, scenes, capfd):
    folder, portraits = stored
    options = {"crop_size": 128, "backgrounds": scenes, "replace": 0.5}
    samples = [in_memory(s.name, s.image, s.alpha, s.foreground, s.background) for s in portraits]
    whole = TrainingSet(samples, **options)
    expected = [whole[i] for i in range(20)]
    data = TrainingSet(Mixture([(portraits, 1, 1.0)]), **options)
    for item, other in zip((data[i] for i in range(20)), expected, strict=True):
        replaced = " before " in item["name"]
        for layer in ("image", "foreground", "background", "alpha", "trimap"):
            difference = (item[layer].int() - other[layer].int()).abs().max()
            assert difference <= replaced  # the mean of a photo's eighth size is nearly its own
    shutil.rmtree(folder / "background")
    recipes = [data.draw(i) for i in range(20) if " before " in expected[i]["name"]]
    assert len(recipes) > 5
    assert capfd.readouterr().err == ""
    for path in (folder / "image").iterdir():
        path.unlink()
    data = TrainingSet(Mixture([(portraits, 1, 1.0)]), **options)  # knows no photo's mean yet
    with pytest.raises(InputError, match=r"the last: no file .*\.jpg"):
        data[next(i for i in range(20) if " before " in expected[i]["name"])]


def test_the_mean_of_a_photo_is_read_once_and_known_to_every_process(stored, scenes):
    folder, portraits = stored
    samples = Mixture([(portraits, 1, 1.0)])
    data = TrainingSet(samples, crop_size=128, backgrounds=scenes, replace=1.0)
    assert data._greys.is_shared()
    before = [data[i] for i in range(20)]
    shutil.rmtree(folder / "image")
    for now, then in zip((data[i] for i in range(20)), before, strict=True):
        assert now["image"].equal(then["image"])


def test_a_sample_with_a_broken_background_depends_on_the_position_alone(stored, scenes, capfd):
    folder, portraits = stored
    for name in "ab":
        (folder / f"background/{name}.png").write_bytes(b"")
    samples = Mixture([(portraits, 1, 1.0)])
    data = TrainingSet(samples, crop_size=128, backgrounds=scenes)
    unbroken = [data[i] for i in range(20)]
    assert capfd.readouterr().err.count("a.png is empty") == 1
    for i, item in enumerate(unbroken):
        assert same(TrainingSet(samples, crop_size=128, backgrounds=scenes)[i], item)
