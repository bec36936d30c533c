import cv2
import numpy as np
import pytest

from data.training_set import TrainingSet
from tests.stand_ins import in_memory
from utils.images import write_image
from utils.trimap import trimap_from_alpha


class Portraits:
    """Smooth portraits of differing sizes, one so large that it is shrunk first."""

    sizes = ((300, 260), (420, 500), (900, 700))
    names = ("a", "b", "c")

    def __len__(self):
        return 3

    def __getitem__(self, index):
        H, W = self.sizes[index]
        y, x = np.mgrid[0:H, 0:W]
        alpha = np.clip((H / 3 - np.hypot(y - H / 2, x - W / 2)) / 20 + 0.5, 0, 1)
        colours = np.random.default_rng(index).random((2, 12, 12, 3)).astype(np.float32)
        layers = [cv2.resize(c, (W, H), interpolation=cv2.INTER_CUBIC) for c in colours]
        foreground, background = (np.clip(40 + c * 170, 0, 255).astype(np.uint8) for c in layers)
        alpha = (alpha * 255).astype(np.uint8)
        a = alpha[..., None] / 255
        image = np.rint(a * foreground + (1 - a) * background).astype(np.uint8)
        return in_memory(self.names[index], image, alpha, foreground, background)


@pytest.fixture
def scenes(tmp_path):
    ramp = np.linspace(0, 255, 200 * 330 * 3).reshape(200, 330, 3).astype(np.uint8)
    write_image(tmp_path / "scene.png", ramp)
    return tmp_path


@pytest.mark.parametrize(("options", "ellipse"), [({}, 7), ({"ellipse": 20}, 20)])
def test_trimaps_are_those_of_the_alphas(options, ellipse):
    data = TrainingSet(Portraits(), crop_size=128, **options)
    for position in range(4):
        layers = data.carry_out(data.draw(position))
        assert np.array_equal(layers["trimap"], trimap_from_alpha(layers["alpha"], ellipse))


def test_degrading_changes_the_photo_alone(scenes):
    data = TrainingSet(Portraits(), crop_size=128, backgrounds=scenes, degrade=True)
    plain = TrainingSet(Portraits(), crop_size=128)
    changed = 0
    for position in range(20):
        recipe = data.draw(position)
        clean, poor = (plain.carry_out(recipe), data.carry_out(recipe))
        assert all(np.array_equal(poor[name], clean[name]) for name in poor if name != "image")
        changed += not np.array_equal(poor["image"], clean["image"])
    assert 5 < changed < 20


def test_a_grey_sample_is_grey_in_all_layers():
    data = TrainingSet(Portraits(), crop_size=128, degrade=True)
    spread = [
        max(
            int(np.ptp(layer, axis=2).max())
            for layer in data.carry_out(recipe).values()
            if layer.ndim == 3
        )
        for recipe in map(data.draw, range(40))
    ]
    assert 0 < sum(value <= 1 for value in spread) < 12
