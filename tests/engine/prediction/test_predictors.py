from types import SimpleNamespace

import numpy as np
import pytest
import torch

import predict
from engine.prediction.predictors import load_predictor
from models import MattingConfig, build_model, inference, load_model, predict_alpha
from models.checkpoint import save_checkpoint
from utils.errors import InputError, run_script
from utils.images import write_image
from utils.images.area import fit_area, shrink_photo

SMALL = MattingConfig(
    embed_dim=8, depths=(1, 1, 1, 1), num_heads=(1, 1, 1, 1), decoder_widths=(8, 8, 8)
)
AREA = 20_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("checkpoints")
    model = build_model(SMALL)
    save_checkpoint(folder / "plain.pth", model)
    save_checkpoint(folder / "small.pth", model, max_area=AREA, about="a test")
    save_checkpoint(folder / "wrong.pth", model, max_area="HD")
    return folder


def photos(*sizes):
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (*size, 3), np.uint8) for size in sizes]


def load(path, max_area=None):
    return load_predictor(path, device=None, precision="fp32", max_area=max_area)


def test_a_checkpoint_asks_for_smaller_photos_and_an_option_has_the_last_word(folder):
    (photo,) = photos((200, 310))
    plain, about = load(folder / "plain.pth")
    assert "megapixels" not in about
    asked, about = load(folder / "small.pth")
    assert "a test; it sees at most 0.02 megapixels" in about
    whole, _ = load(folder / "small.pth", "none")
    limited, _ = load(folder / "plain.pth", str(AREA))
    alphas = [predictor([photo])[0].alpha for predictor in (plain, whole, asked, limited)]
    assert (alphas[0] == alphas[1]).all()
    assert (alphas[2] == alphas[3]).all()
    assert not np.allclose(alphas[0], alphas[2])
    assert alphas[2].shape == (200, 310)
    model = load_model(folder / "small.pth")
    assert np.abs(predict_alpha(model, photo, precision="fp32") - alphas[2]).max() < 1e-6
    small = shrink_photo(photo, AREA)
    model.max_area = None
    at_small = predict_alpha(model, small, precision="fp32")
    assert abs(at_small.mean() - alphas[2].mean()) < 0.01


def test_photos_of_one_padded_size_that_differ_once_shrunk(folder):
    sizes = ((260, 380), (381, 270))
    assert len({fit_area(size, AREA)[0] > 128 for size in sizes}) == 2
    predictor, _ = load(folder / "small.pth")
    together = predictor(photos(*sizes))
    for photo, size, matte in zip(photos(*sizes), sizes, together, strict=True):
        assert matte.alpha.shape == matte.trimap.shape == size
        assert np.abs(matte.alpha - predictor([photo])[0].alpha).max() < 1e-6


def test_photos_that_memory_cannot_hold_are_told(folder, monkeypatch):
    def too_large(*_, **__):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory")

    predictor, _ = load(folder / "plain.pth")
    monkeypatch.setattr(inference.MattingModel, "coarse", too_large)
    with pytest.raises(InputError, match=r"a batch of 1 photo.s. of 200x310 does not fit into mem"):
        predictor(photos((200, 310)))


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1", b"<html>"])
def test_what_is_no_onnx_is_refused_in_a_sentence(tmp_path, content):
    (tmp_path / "not.onnx").write_bytes(content)
    with pytest.raises(InputError, match=r"not\.onnx is no network(:| but) .*(empty|git|page)"):
        load(tmp_path / "not.onnx")


def test_wrong_areas_are_refused(folder):
    with pytest.raises(InputError, match=r"wrong\.pth.*max_area.*'HD'"):
        load(folder / "wrong.pth")
    with pytest.raises(InputError, match="--max_area tiny"):
        load(folder / "plain.pth", "tiny")


def test_weights_are_prepared_once(folder, monkeypatch):
    folded, fold = [], inference.fold_for_inference

    def count(*arguments):
        folded.append(arguments)
        return fold(*arguments)

    monkeypatch.setattr(inference, "fold_for_inference", count)
    predictor, _ = load(folder / "small.pth")
    for photo in photos((100, 130), (200, 310), (100, 130)):
        predictor([photo])
    assert len(folded) == 1


class BrokenSession:
    """Stands for ONNX Runtime's, with a network whose weights are NaN."""

    def run(self, _outputs, inputs):
        B, _, H, W = inputs["image"].shape
        return np.full((B, 1, H, W), np.nan, np.float32), np.zeros((B, H // 8, W // 8), np.uint8)

    def get_modelmeta(self):
        return SimpleNamespace(custom_metadata_map={})


@pytest.mark.parametrize("name", ["damaged.pth", "overflowing.pth", "damaged.onnx"])
def test_an_alpha_that_is_not_finite_is_never_written(tmp_path, monkeypatch, capsys, name):
    model = build_model(SMALL)
    for parameter in model.coarse_network.alpha_heads.parameters():
        parameter.data.fill_(np.nan if name == "damaged.pth" else 3e38)
    save_checkpoint(tmp_path / name, model)
    monkeypatch.setattr("engine.prediction.predictors.open_onnx", lambda _: BrokenSession())
    write_image(tmp_path / "a.png", photos((50, 60))[0])
    command = ["predict.py", "--input", tmp_path / "a.png", "--output", tmp_path / "out"]
    command += ["--checkpoint", tmp_path / name, "--write", "alpha", "--gpus"]
    monkeypatch.setattr("sys.argv", [*map(str, command)])
    with pytest.raises(SystemExit) as left:
        run_script(predict.main)
    assert left.value.code in (1, 2)
    told = capsys.readouterr().err
    assert told.count("not finite") == 1
    assert "another checkpoint" in told.replace("\n", " ")
    assert "Traceback" not in told
    assert not [path for path in tmp_path.rglob("out/**/*") if path.is_file()]


class NotedSession(BrokenSession):
    """Finds nobody, and notes the sizes it is given."""

    def __init__(self, facts):
        self.facts, self.shapes = facts, []

    def run(self, _outputs, inputs):
        B, _, H, W = inputs["image"].shape
        self.shapes.append((H, W))
        return np.zeros((B, 1, H, W), np.float32), np.zeros((B, H // 8, W // 8), np.uint8)

    def get_modelmeta(self):
        return SimpleNamespace(custom_metadata_map=self.facts)


@pytest.mark.parametrize(("facts", "size"), [({}, (128, 256)), ({"stride": "32"}, (64, 160))])
def test_an_exported_network_sees_photos_as_it_does_in_pytorch(monkeypatch, facts, size):
    session = NotedSession(facts)
    monkeypatch.setattr("engine.prediction.predictors.open_onnx", lambda _: session)
    predictor, _ = load_predictor("a.onnx", device=None, precision="fp32")
    predictor(photos((50, 130)))
    assert session.shapes == [size]


def test_photos_that_one_network_pads_alike_and_another_does_not_are_no_batch(
    tmp_path, monkeypatch
):
    for i, photo in enumerate(photos((40, 40), (100, 100), (40, 40), (120, 100))):
        write_image(tmp_path / "in" / f"{i}.png", photo)
    command = ["predict.py", "--input", tmp_path / "in", "--output", tmp_path / "out", "--gpus"]
    command += ["--batch_size", "2", "--write", "alpha"]  # the shipped network's stride is 32
    monkeypatch.setattr("sys.argv", [*map(str, command)])
    assert predict.main() == 0
    assert len(list((tmp_path / "out").rglob("*.png"))) == 4
