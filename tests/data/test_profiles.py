"""Pictures that name no profile show a photo's colours as its own profile means them."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from data.folders import FolderDataset
from engine import contact_sheet
from engine.evaluation.loop import score
from engine.evaluation.sources import Answer
from models import MattingConfig, build_model
from tests.utils.profiles import PROFILES, shown

RED = (220, 40, 40)


@pytest.fixture
def sample(tmp_path):
    """A photo of one colour in the wide gamut of phones, all of it person."""
    for layer, picture in (
        ("image", Image.new("RGB", (64, 48), RED)),
        ("alpha", Image.new("L", (64, 48), 255)),
        ("trimap", Image.new("L", (64, 48), 128)),
    ):
        (tmp_path / layer).mkdir()
        profile = {"icc_profile": PROFILES["P3"]} if layer == "image" else {}
        picture.save(tmp_path / layer / "a.png", **profile)
    return FolderDataset({name: tmp_path / name for name in ("image", "alpha", "trimap")})[0]


@pytest.fixture
def wanted(sample):
    wanted = shown(Image.open(sample.source))[0, 0].astype(int)
    assert np.abs(wanted - RED).max() > 10
    return wanted


def test_a_network_sees_the_numbers_of_the_file_and_a_person_the_colours(sample, wanted):
    assert (sample.image == RED).all()
    assert np.abs(sample.as_srgb() - wanted).max() <= 2


def test_the_report_shows_them(sample, wanted):
    row = score(sample, Answer(sample.alpha), thumbnails=True)
    for name in ("photo", "composite"):
        picture = Image.open(io.BytesIO(base64.b64decode(row.extra["thumbnails"][name])))
        assert np.abs(np.array(picture.convert("RGB")) - wanted).max() <= 8, name  # lossy


def test_the_contact_sheet_shows_them(sample, wanted, monkeypatch):
    config = MattingConfig(
        embed_dim=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1), decoder_widths=(8, 8, 8)
    )
    model = build_model(config)
    model.coarse_network.alpha_heads[-1].bias.data.fill_(99)
    model.coarse_network.trimap_heads[-1].bias.data.view(3, 4)[2] += 100  # all foreground
    monkeypatch.setattr(contact_sheet, "load_model", lambda _: model)
    (row,) = contact_sheet.make_rows("fake.pth", [sample])
    for picture in (row[0], row[4]):
        assert np.abs(picture - wanted).max() <= 3
