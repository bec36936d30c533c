import shlex

import cv2
import numpy as np
import pytest

import P3MData.data_loader
import PhotoMatteData.data_loader
import PPMData.data_loader
from PPMData.data_loader import PPMDataset, gen_dataset_trimaps, main
from utils.errors import MissingError
from utils.images import write_image
from utils.trimap import trimap_from_alpha


@pytest.fixture
def root(tmp_path):
    alpha = np.zeros((60, 80), np.uint8)
    cv2.circle(alpha, (40, 30), 20, 255, -1, cv2.LINE_AA)
    for stem in "ba":
        write_image(tmp_path / f"PPM-100/matte/{stem}.png", alpha)
        write_image(tmp_path / f"PPM-100/image/{stem}.jpg", np.stack([alpha] * 3, 2))
    return tmp_path


def test_missing_trimaps_name_the_command_that_makes_them(root):
    with pytest.raises(MissingError, match=r"trimap; make it: python -m PPMData\.data_loader"):
        PPMDataset(root)
    assert gen_dataset_trimaps(root, num_workers=1) == 2
    dataset = PPMDataset(root)
    assert dataset.names == ["a", "b"]
    sample = dataset[1]
    assert np.array_equal(sample.trimap, trimap_from_alpha(sample.alpha, 30))


@pytest.mark.parametrize("module", [PPMData, PhotoMatteData, P3MData])
def test_a_named_command_can_be_pasted(module):
    for command in module.data_loader.made_by("my data").values():
        assert shlex.split(command)[-1] == "my data"


def test_the_command_makes_trimaps_and_checks(root, monkeypatch, capsys):
    argv = ["data_loader", "--gen_trimaps", "--check", "--num_workers", "1"]
    monkeypatch.setattr("sys.argv", [*argv, "--data_root", str(root)])
    assert main() == 0
    said = capsys.readouterr().out
    assert "wrote 2 trimaps" in said
    assert "PPM-100: 2 image, 2 alpha, 2 trimap; 2 complete" in said
