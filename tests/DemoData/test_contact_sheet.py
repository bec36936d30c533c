"""The contact sheet shows photo and alpha side by side and overwrites nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from DemoData.contact_sheet import GAP, contact_sheet
from utils.errors import MissingError
from utils.images import write_image


@pytest.fixture
def root(tmp_path: Path) -> Path:
    train = tmp_path / "P3M-10K/train"
    for i in range(3):
        write_image(train / f"blurred_image/{i}.png", np.full((40, 40, 3), 50 * i, np.uint8))
        write_image(train / f"mask/{i}.png", np.full((40, 40), 200 + i, np.uint8))
    return tmp_path


def test_photo_and_alpha_in_order(root: Path) -> None:
    sheet = contact_sheet(root, columns=2, rows=6, side=10)
    assert sheet.shape == (20 + GAP, 40 + GAP, 3)
    assert sheet[5, 5, 0] == 0 and sheet[5, 15, 0] == 200
    assert sheet[5, 25 + GAP, 0] == 50 and sheet[5, 35 + GAP, 0] == 201
    assert sheet[15 + GAP, 5, 0] == 100 and sheet[15 + GAP, 25 + GAP, 0] == 255  # no fourth
    assert contact_sheet(root, columns=2, rows=1, side=10).shape[0] == 10


def test_mistakes_are_told_in_one_sentence(root: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="no folder"):
        contact_sheet(tmp_path / "nowhere", columns=2, rows=2, side=10)
    output = tmp_path / "sheet.png"
    command = [sys.executable, "-m", "DemoData.contact_sheet", "--root", str(root)]
    command += ["--output", str(output)]
    assert subprocess.run(command, capture_output=True).returncode == 0
    before = output.read_bytes()
    again = subprocess.run(command, capture_output=True, text=True)
    assert again.returncode == 2 and "exists already" in again.stderr
    assert again.stderr.count("\n") == 1 and output.read_bytes() == before
