"""What decides a network's numbers is set and told."""

import numpy as np
import pytest
import torch

from engine.evaluation.sources import open_folder, open_network
from engine.evaluation.test_sets import TEST_SETS
from models import CONFIGS, build_model
from models.checkpoint import save_checkpoint
from utils.errors import InputError
from utils.images.area import AREAS


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "a.pth"
    model = build_model(CONFIGS["demo"])
    model.max_area = 4096
    save_checkpoint(path, model)
    return path


def open_it(path, *, protocol="pad", max_area=None, paper_area=None):
    device, areas = torch.device("cpu"), {"max_area": max_area, "paper_area": paper_area}
    more = {"num_threads": 3, "precision": "fp32", "with_coarse": False}
    return open_network(path, device, protocol=protocol, **areas, **more)


def test_threads_and_arithmetic_are_fixed(path, monkeypatch):
    """torchrun gives each process one thread, and other bits come of it."""
    monkeypatch.setattr(torch.backends.cudnn, "deterministic", False)
    threads = []
    monkeypatch.setattr(torch, "set_num_threads", threads.append)
    settings, source = open_it(path)
    assert threads == [3]
    assert source.args[0].folded  # once for all photos
    assert settings["num_threads"] == 3
    assert torch.backends.cudnn.deterministic
    assert len(settings["checkpoint_sha256"]) == 64


def test_area_as_given_or_as_the_papers_or_the_checkpoints(path, monkeypatch):
    monkeypatch.setattr(torch, "set_num_threads", lambda _: None)
    HD = AREAS["HD"]
    for text, protocol, data_set, expected in (
        (None, "paper", "P3M", None),
        (None, "paper", "PPM", HD),
        (None, "pad", "PhotoMatte", 4096),
        ("HD", "pad", "P3M", HD),
        ("none", "paper", "PPM", None),
        ("none", "pad", "PPM", None),
        ("17000", "paper", "PPM", 17000),
    ):
        area = TEST_SETS[data_set].area
        settings, source = open_it(path, protocol=protocol, max_area=text, paper_area=area)
        assert settings["max_area"] == source.args[2] == expected
    with pytest.raises(InputError, match="--max_area big"):
        open_it(path, max_area="big")


def test_predictions_of_any_name_are_told_apart_by_their_bytes(tmp_path):
    found = []
    for value in (0, 255):
        np.save(tmp_path / "b\udce9b.npy", np.full((4, 4), value, np.uint8))
        found.append(open_folder(tmp_path)[0]["predictions_sha256"])
    assert found[0] != found[1]
