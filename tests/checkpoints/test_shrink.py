import sys

import numpy as np
import pytest

from checkpoints import shrink
from utils.errors import InputError
from utils.images import read_alpha, read_photo, write_image


def test_portraits_get_smaller_and_never_larger(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(0)
    for name, (H, W) in {"large": (90, 60), "small": (20, 24)}.items():
        write_image(tmp_path / f"image/{name}.png", rng.integers(0, 256, (H, W, 3), np.uint8))
        write_image(tmp_path / f"alpha/{name}.png", rng.integers(0, 256, (H, W), np.uint8))
    words = ["--portraits", tmp_path, "--side", 30, "--output", tmp_path / "out"]
    monkeypatch.setattr(sys, "argv", ["shrink", *map(str, words)])
    shrink.main()
    assert "2 portraits" in capsys.readouterr().out
    for name, size in {"large": (45, 30), "small": (20, 24)}.items():
        photo = read_photo(tmp_path / f"out/image/{name}.png")
        alpha = read_alpha(tmp_path / f"out/alpha/{name}.png")
        assert photo.shape[:2] == alpha.shape == size
        before = read_photo(tmp_path / f"image/{name}.png")
        assert abs(photo.mean() - before.mean()) < 3
    (tmp_path / "alpha/small.png").unlink()
    with pytest.raises(InputError, match="small"):
        shrink.main()
