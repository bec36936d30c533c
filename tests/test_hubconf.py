"""torch.hub loads the network, from this folder and from a downloaded copy."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from DemoData.portrait import draw_portrait
from models import predict_alpha
from models.checkpoint import DEFAULT_CHECKPOINT, load_model
from tests import sandbox

# Where nothing of this repository can be imported but by torch.hub.
PROGRAM = """
import torch
torch.hub.set_dir("hub")
print(*torch.hub.list("owner/lpm:main", trust_repo=True))
model = torch.hub.load("owner/lpm:main", "portrait", trust_repo=True)
from models import predict_alpha
from utils.images import read_photo, write_image
alpha = predict_alpha(model, read_photo("me.png"), precision="fp32")
write_image("alpha.png", (alpha * 255).astype("uint8"))
"""


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder with a photo and a downloaded copy; returns a function that runs a program there."""
    from utils.images import write_image

    copy = tmp_path / "hub" / "owner_lpm_main"
    ignore = sandbox.shutil.ignore_patterns(*sandbox.SKIPPED)
    sandbox.shutil.copytree(sandbox.ROOT, copy, ignore=ignore, copy_function=os.symlink)
    write_image(tmp_path / "me.png", draw_portrait(np.random.default_rng(0), 256, alone=True).image)
    monkeypatch.delenv("PYTHONPATH", raising=False)

    def run(program):
        command = [sys.executable, "-c", program]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    return run


def test_a_program_elsewhere_mattes_a_photo(elsewhere, tmp_path):
    done = elsewhere(PROGRAM)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "portrait\n"
    from utils.images import read_alpha, read_photo

    photo = read_photo(tmp_path / "me.png")
    expected = predict_alpha(load_model(DEFAULT_CHECKPOINT), photo, precision="fp32")
    assert expected.max() > 0.5
    assert np.abs(read_alpha(tmp_path / "alpha.png") - 255 * expected).max() < 2


@pytest.mark.parametrize("name", ["models", "utils"])
def test_a_module_of_that_name_is_told_of(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, type(sys)(name))
    with pytest.raises(ImportError, match=f"another module called {name}"):
        torch.hub.load(str(sandbox.ROOT), "portrait", source="local")


def test_the_local_form_gives_the_network_that_ships():
    shipped = torch.hub.load(str(sandbox.ROOT), "portrait", source="local", device="cpu")
    expected = load_model(DEFAULT_CHECKPOINT).state_dict()
    assert all((value == expected[key]).all() for key, value in shipped.state_dict().items())
    assert not shipped.training
