"""evaluate.py through the real loaders: the files it writes, and what it refuses."""

import csv
import json
import shutil
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
import torch

import evaluate
from DemoData.generate import generate
from engine import evaluation
from engine.provenance import versions
from models import CONFIGS, build_model, load_model
from models.checkpoint import save_checkpoint
from models.inference import predict
from P3MData.data_loader import P3MDataset
from utils.errors import InputError, MissingError
from utils.images import read_alpha
from utils.metrics import measure
from utils.results import read_results

REPOSITORY = Path(evaluate.__file__).parent


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
        fixed += ("--num_threads", 1)
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


def test_options_of_no_use_are_refused(run, tmp_path):
    with pytest.raises(InputError, match="are of no use to --predictions"):
        run("--max_area", "HD", source=("--predictions", tmp_path))
    with pytest.raises(InputError, match="no use without --predictions"):
        run("--resize_predictions")


def test_other_programs_alphas(run, data_root, tmp_path):
    """The truth scores zero; whatever else lies there is a row with its reason and status 1."""
    folder = tmp_path / "their alphas [1]"
    folder.mkdir()
    truth = {sample.name: sample.alpha for sample in P3MDataset(data_root, "P3M-500-P")}
    for name, alpha in truth.items():
        np.save(folder / f"{name}.npy", alpha)
    source = ("--predictions", folder)
    assert run(source=source) == 0
    path = tmp_path / "out" / "P3M-500-P_their alphas [1].csv"
    assert all(set(scores.values()) == {0.0} for scores in read_results(path).values())

    np.save(folder / "demo_00000.npy", np.zeros((50, 40), np.uint8))
    (folder / "demo_00001.npy").unlink()
    assert run("--overwrite", source=source) == 1
    with open(path, newline="") as file:
        first, second, average = csv.DictReader(file)
    assert "is 50x40 but the photo is 100x100; --resize_predictions" in first["error"]
    assert "holds no prediction demo_00001" in second["error"]
    assert first["SAD"] == second["SAD"] == average["SAD"] == ""
    assert "2 of 2 images" in average["error"]

    assert run("--overwrite", "--resize_predictions", source=source) == 1
    (scores,) = read_results(path).values()
    assert scores["SAD"] == pytest.approx(truth["demo_00000"].sum() / 255 / 1000)


def test_broken_photo_is_a_row(run, data_root, tmp_path):
    root = tmp_path / "Datasets"
    shutil.copytree(data_root / "P3M-10K" / "validation", root / "P3M-10K" / "validation")
    photo = root / "P3M-10K/validation/P3M-500-P/blurred_image/demo_00000.jpg"
    photo.write_bytes(photo.read_bytes()[:500])
    assert run("--data_root", root, "--report", "--with_coarse") == 1
    (name,) = read_results(tmp_path / "out" / "P3M-500-P_paper_0000000007.csv")
    assert name == "demo_00001"
    (report,) = (tmp_path / "out").glob("*report.html")
    assert "demo_00000.jpg" in report.read_text()


def test_absent_trimaps_name_the_command(run, data_root, tmp_path):
    root = tmp_path / "Datasets"
    shutil.copytree(data_root / "PPM-100", root / "PPM-100")
    shutil.rmtree(root / "PPM-100" / "trimap")
    with pytest.raises(MissingError, match="python -m PPMData"):
        run("--data_root", root, "--dataset", "PPM")


def test_killed_evaluation_is_resumed(run, tmp_path, monkeypatch):
    """The same files as without interruption, and no image is measured twice."""
    assert run("--with_coarse", "--report") == 0
    out = tmp_path / "out"
    whole = {path.name: path.read_bytes() for path in out.iterdir()}
    shutil.rmtree(out)

    counted, calls = evaluation.Scorer.__call__, []

    def dies_at_the_second(self, sample, answer):
        calls.append(sample.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return counted(self, sample, answer)

    monkeypatch.setattr(evaluation.Scorer, "__call__", dies_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        run("--with_coarse", "--report")
    assert [path.suffix for path in out.iterdir()] == [".jsonl"]
    with pytest.raises(InputError, match="left of a run that was stopped; --resume"):
        run("--with_coarse", "--report")
    with pytest.raises(InputError, match="begun with precision fp32, not bf16"):
        run("--with_coarse", "--report", "--precision", "bf16", "--resume")
    name = "P3M-500-P_paper_0000000007.csv"
    (out / name).write_bytes(b"old")  # as if --overwrite had been killed
    assert run("--with_coarse", "--report", "--resume") == 0
    assert calls == ["demo_00000", "demo_00001", "demo_00001"]
    assert {path.name: path.read_bytes() for path in out.iterdir()} == whole


def test_two_processes_with_pools_write_the_same_bytes(run, data_root, checkpoint, tmp_path):
    assert run("--report", "--num_threads", 2) == 0
    out, shared = tmp_path / "out", tmp_path / "shared"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    command += ["evaluate.py", "--checkpoint", checkpoint, "--data_root", data_root, "--report"]
    command += ["--output", shared, "--num_workers", "1", "--num_threads", "2"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    names = sorted(path.name for path in out.iterdir())
    assert sorted(path.name for path in shared.iterdir()) == names
    for name in names:
        assert (out / name).read_bytes() == (shared / name).read_bytes(), name


def test_killed_worker_is_told_in_one_sentence(run, monkeypatch):
    def killed(self, sample, answer):
        raise BrokenProcessPool

    monkeypatch.setattr(evaluation.Scorer, "__call__", killed)
    with pytest.raises(InputError, match=r"was killed.*--resume goes on"):
        run()


def test_packages_under_other_names_are_recorded_as_unknown(monkeypatch):
    def found(name):
        if name == "opencv-python":
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr("engine.provenance.version", found)
    assert versions()["opencv-python"] == "unknown"
    assert versions()["numpy"] == "1.0"
