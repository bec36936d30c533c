import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.export import export as exporting
from engine.export.export import export
from engine.export.tracing import trace
from engine.prediction.predictors import load_predictor
from models import CONFIGS, build_model, load_model
from models.checkpoint import DEFAULT_CHECKPOINT
from models.inference import predict_batch
from utils.errors import InputError, MissingError
from utils.images import write_image

pytest.importorskip("onnxscript", reason="exporting is optional: requirements-export.txt")
pytest.importorskip("onnxruntime", reason="exporting is optional: requirements-export.txt")


@pytest.fixture(scope="module")
def model():
    """The demo's design, shallow; what is dark has no unknown cell, noise has many."""
    torch.manual_seed(1)
    model = build_model(replace(CONFIGS["demo"], depths=(2, 1, 1, 1))).eval()
    black = torch.zeros(1, 3, 128, 128)
    with torch.no_grad():
        head = model.coarse_network.trimap_heads[-1]
        scores = model.coarse(black).trimap_logits[-1]
        head.bias[4:8] -= (scores[:, 1] - scores[:, [0, 2]].amax(dim=1)).amax() + 1e-3
    assert not len(model(black).cells)
    return model


@pytest.fixture(scope="module")
def program(model):
    return trace(model)


@pytest.fixture(scope="module")
def exported(model, program, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "größe.onnx"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporting, "trace", lambda _: program)
        patch.setattr(model, "max_area", 60_000)
        return path, export(model, path, "a tiny one")


def test_onnx_is_compared_at_several_sizes_and_batches(exported):
    _, comparisons = exported
    assert {c.batch for c in comparisons} == {1, 3}
    assert any(c.size[0] % 128 for c in comparisons)
    assert min(c.cells for c in comparisons) == 0 < max(c.cells for c in comparisons)
    assert max(c.difference for c in comparisons) < 1e-4


def test_the_network_that_ships_refines_much_of_what_is_compared():
    model = load_model(DEFAULT_CHECKPOINT)

    class Echo:
        def run(self, _, inputs):
            return model(torch.from_numpy(inputs["image"])).alpha.numpy(), None

    with torch.inference_mode():
        cells = [c.cells for c in exporting._compare(model, Echo())]
    assert min(cells[:4]) > 50


def test_predictions_are_those_of_pytorch(exported, model):
    predictor, about = load_predictor(exported[0], device=None, precision="auto")
    assert "a tiny one; it sees at most 0.06 megapixels" in about
    rng = np.random.default_rng(0)
    for size in ((1, 1), (130, 90), (300, 129)):
        photos = [rng.integers(0, 256, (*size, 3), np.uint8) for _ in range(2)]
        expected = predict_batch(model, photos, precision="fp32")
        for matte, other in zip(predictor(photos), expected, strict=True):
            assert matte.alpha.shape == matte.trimap.shape == size
            assert np.abs(matte.alpha - other.alpha).max() < 1e-4
            assert np.array_equal(matte.trimap, other.trimap)


def test_predict_runs_it_without_torch(exported, tmp_path):
    write_image(tmp_path / "a.png", np.zeros((9, 9, 3), np.uint8))
    command = f"""
import sys
sys.argv = ["predict.py", "--input", "{tmp_path}/a.png", "--output", "{tmp_path}/out",
            "--checkpoint", "{exported[0]}"]
import predict
assert predict.main() == 0
assert not [name for name in sys.modules if name.split(".")[0] in ("torch", "timm", "models")]
"""
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out/cutout/a.png").is_file()


def test_too_large_a_difference_writes_nothing(model, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "trace", lambda _: None)
    monkeypatch.setattr(exporting, "_save_onnx", lambda _, path, *__: path.write_text("wrong"))

    class Session:
        def run(self, _, inputs):
            return (model(torch.from_numpy(inputs["image"])).alpha + 0.01).detach().numpy(), None

    monkeypatch.setattr(exporting, "open_onnx", lambda _: Session())
    with pytest.raises(
        InputError, match=r"a\.onnx was not written: its alpha differs .* 1\.00e-02"
    ):
        export(model, tmp_path / "a.onnx", "")
    assert not any(tmp_path.iterdir())


def test_what_cannot_be_exported_or_loaded(model, exported, tmp_path):
    with pytest.raises(InputError, match=r"a\.xyz must end in"):
        export(model, tmp_path / "a.xyz", "")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(InputError, match=r"text\.onnx is no network"):
        load_predictor(tmp_path / "text.onnx", device=None, precision="auto")
    with pytest.raises(MissingError, match=r"none\.onnx is not there"):
        load_predictor(tmp_path / "none.onnx", device=None, precision="auto")
    with pytest.raises(InputError, match="leave --precision bf16 out"):
        load_predictor(exported[0], device=None, precision="bf16")
