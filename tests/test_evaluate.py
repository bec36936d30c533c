"""evaluate.py through the real loaders: the files it writes, and what it refuses."""

import csv
import json
import sys

import numpy as np
import pytest
import torch

import evaluate
from DemoData.generate import generate
from models import CONFIGS, build_model, load_model
from models.checkpoint import save_checkpoint
from models.inference import predict
from P3MData.data_loader import P3MDataset
from utils.errors import InputError
from utils.images import read_alpha
from utils.metrics import measure
from utils.results import read_results


@pytest.fixture(scope="module")
def data_root(tmp_path_factory):
    root = tmp_path_factory.mktemp("Datasets")
    generate(root, num_train=0, num_test=2, size=100, seed=3, num_workers=0)
    return root


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("run") / "logger" / "0000000007.pth"
    save_checkpoint(path, build_model(CONFIGS["demo"]), step=7)
    return path


@pytest.fixture
def run(data_root, checkpoint, monkeypatch, tmp_path):
    """Call evaluate.py's main with further arguments; results go to tmp_path/out."""

    def call(*arguments, source=("--checkpoint", checkpoint)):
        fixed = ("--data_root", data_root, "--output", tmp_path / "out", "--num_workers", 0)
        monkeypatch.setattr(sys, "argv", ["evaluate.py", *map(str, (*source, *fixed, *arguments))])
        return evaluate.main()

    return call


def test_csv_holds_what_the_network_scores(run, data_root, checkpoint, tmp_path):
    assert run("--with_coarse", "--save_imgs") == 0
    out = tmp_path / "out"
    name = "P3M-500-P_paper_0000000007"
    rows, coarse = (read_results(out / f"{name}{kind}.csv") for kind in ("", "_coarse"))
    model = load_model(checkpoint)
    for sample in P3MDataset(data_root, "P3M-500-P"):
        prediction = predict(model, sample.image, fit="resize", precision="fp32")
        expected = measure(prediction.alpha, sample.alpha, sample.trimap)
        assert rows[sample.name] == pytest.approx(expected)
        expected = measure(prediction.coarse_alpha, sample.alpha, sample.trimap)
        assert coarse[sample.name] == pytest.approx(expected)
        saved = read_alpha(out / name / f"{sample.name}.png")
        np.testing.assert_array_equal(saved, np.rint(prediction.alpha * 255))
    facts = json.loads((out / f"{name}.json").read_text())
    assert facts["protocol"] == "paper"
    assert facts["precision"] == "fp32"
    assert facts["images"]["demo_00000"]["network_size"] == "128x128"
    assert facts["images"]["demo_00000"]["size"] == "100x100"
    with open(out / f"{name}_summary.csv", newline="") as file:
        lines = {line["metric"]: line for line in csv.DictReader(file)}
    assert float(lines["SAD"]["mean"]) == pytest.approx(np.mean([r["SAD"] for r in rows.values()]))
    assert not list(out.glob("*.jsonl"))


@pytest.mark.parametrize("dataset", ["PPM", "PhotoMatte"])
def test_other_test_sets(run, dataset, tmp_path):
    assert run("--dataset", dataset, "--max_area", "17000") == 0
    (facts,) = (json.loads(path.read_text()) for path in (tmp_path / "out").glob("*.json"))
    assert facts["max_area"] == 17000


def test_results_are_not_overwritten_unasked(run):
    assert run() == 0
    with pytest.raises(InputError, match="is there already; --overwrite"):
        run()
    assert run("--overwrite") == 0


def test_wrong_area_is_refused(run):
    with pytest.raises(InputError, match="--max_area big"):
        run("--max_area", "big")
