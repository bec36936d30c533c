"""evaluate.py through the real loaders: the files it writes, and what it refuses."""

import csv
import json
import shutil
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest
import torch

import evaluate
from data.portraits import TestPortraits
from DemoData.generate import generate
from engine.evaluation import loop as evaluation
from engine.evaluation.provenance import versions
from engine.evaluation.test_sets import TEST_SETS, Entry
from models import CONFIGS, build_model, load_model
from models.checkpoint import save_checkpoint
from models.inference import predict, predict_alpha
from P3MData.data_loader import P3MDataset
from utils.errors import InputError, MissingError
from utils.images import read_alpha, write_image
from utils.metrics import METRICS, measure, overlap
from utils.results.rows import read_results

PUBLISHED = [
    "img_name", "SAD", "MSE", "MAD", "SAD_TRIMAP", "MSE_TRIMAP", "MAD_TRIMAP", "SAD_FG", "SAD_BG",
    "CONN", "GRAD",
]  # fmt: skip
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
    rows, coarse = (read_results(out / f"{name}{kind}.csv").T for kind in ("", "_coarse"))
    model = load_model(checkpoint)
    for sample in P3MDataset(data_root, "P3M-500-P"):
        prediction = predict(model, sample.image, fit="resize", precision="fp32")
        expected = measure(prediction.alpha, sample.alpha, sample.trimap)
        assert rows[sample.name].to_dict() == pytest.approx(expected)
        expected = measure(prediction.coarse_alpha, sample.alpha, sample.trimap)
        assert coarse[sample.name].to_dict() == pytest.approx(expected)
        saved = read_alpha(out / name / f"{sample.name}.png")
        np.testing.assert_array_equal(saved, np.rint(prediction.alpha * 255))
    facts = json.loads((out / f"{name}.json").read_text())
    assert facts["protocol"] == "paper"
    assert facts["precision"] == "fp32"
    assert facts["images"]["demo_00000"]["network_size"] == "128x128"
    assert facts["images"]["demo_00000"]["size"] == "100x100"
    with open(out / f"{name}_summary.csv", newline="") as file:
        lines = {line["metric"]: line for line in csv.DictReader(file)}
    assert float(lines["SAD"]["mean"]) == pytest.approx(rows.loc["SAD"].mean())
    assert not list(out.glob("*.jsonl"))


@pytest.fixture
def portraits(tmp_path):
    """Two folders: a photo smaller than the network's stride, and larger ones with a table."""
    random = np.random.default_rng(0)
    sizes = {"mine/small": (20, 31), "more/ann": (150, 90), "more/bob": (90, 150)}
    for name, size in sizes.items():
        folder, stem = name.split("/")
        alpha = np.zeros(size, np.uint8)
        alpha[5:, 8:20], alpha[5:, 20:22] = 255, 128
        photo = random.integers(0, 256, (*size, 3), np.uint8)
        write_image(tmp_path / folder / "image" / f"{stem}.png", photo)
        truth = "alpha" if folder == "mine" else "matte"
        write_image(tmp_path / folder / truth / f"{stem}.png", alpha)
    (tmp_path / "table.csv").write_text("name,split\nann,train\nbob,val\n")
    return ["--dataset", "Portraits", "--portraits", tmp_path / "mine", tmp_path / "more"]


def test_ones_own_portraits_are_seen_as_predict_sees_them(run, portraits, tmp_path):
    """At the size the checkpoint asks for, with a column more than the published sets have."""
    torch.manual_seed(0)
    model = build_model(CONFIGS["demo"])
    model.max_area = 4096
    save_checkpoint(tmp_path / "small.pth", model)
    source = ("--checkpoint", tmp_path / "small.pth")
    words = [*portraits, "--split", f"{tmp_path / 'table.csv'}:val", "--with_coarse", "--report"]
    assert run(*words, source=source) == 0
    name = tmp_path / "out" / "mine+1_val_pad_small"
    facts = json.loads(Path(f"{name}.json").read_text())
    assert facts["max_area"] == 4096
    assert facts["images"]["bob"]["network_size"] == "128x128"
    rows, coarse = (read_results(f"{name}{kind}.csv").T for kind in ("", "_coarse"))
    assert list(rows) == list(coarse) == ["small", "bob"]
    model = load_model(tmp_path / "small.pth")
    for sample in TestPortraits([tmp_path / "mine"]):
        alpha = predict_alpha(model, sample.image, precision=facts["precision"])
        expected = measure(alpha, sample.alpha, sample.trimap)
        expected["IoU"] = overlap(alpha, sample.alpha)
        assert rows[sample.name].to_dict() == pytest.approx(expected)
        assert list(coarse.index) == list(rows.index)
    with open(f"{name}.csv", newline="") as file:
        assert next(csv.reader(file)) == [*PUBLISHED, "IoU"]
    summary = Path(f"{name}_summary.csv").read_text().splitlines()
    assert summary[-1].startswith("IoU,2,")
    assert '<option data-better="larger">IoU' in Path(f"{name}_report.html").read_text()


def test_mistakes_with_ones_own_portraits_are_told(run, portraits, tmp_path):
    with pytest.raises(InputError, match="Portraits needs --portraits FOLDER"):
        run("--dataset", "Portraits")
    with pytest.raises(InputError, match="of use to --dataset Portraits alone"):
        run(*portraits, "--dataset", "PPM")
    table = tmp_path / "other.csv"
    table.write_text("name,split\nann,train\nsmall,train\nx,val\n")
    with pytest.raises(InputError, match="part val names no portrait"):
        run(*portraits, "--split", f"{table}:val")


@pytest.mark.parametrize("dataset", ["PPM", "PhotoMatte"])
def test_other_test_sets(run, dataset, tmp_path):
    assert run("--dataset", dataset, "--max_area", "17000") == 0
    (facts,) = (json.loads(path.read_text()) for path in (tmp_path / "out").glob("*.json"))
    assert facts["max_area"] == 17000
    [path] = (path for path in (tmp_path / "out").glob("*_0000000007.csv"))
    assert path.read_text().splitlines()[0].split(",") == PUBLISHED


def test_a_new_test_set_is_an_entry(run, portraits, tmp_path, monkeypatch):
    monkeypatch.setitem(
        TEST_SETS, "two", Entry(lambda place: ("two", TestPortraits([tmp_path / "more"])), 17000)
    )
    assert run("--dataset", "two") == 0
    facts = json.loads((tmp_path / "out/two_paper_0000000007.json").read_text())
    assert facts["max_area"] == 17000 and list(facts["images"]) == ["ann", "bob"]


def test_results_are_not_overwritten_unasked(run):
    assert run() == 0
    with pytest.raises(InputError, match="is there already; --overwrite"):
        run()
    assert run("--overwrite") == 0


def test_options_of_no_use_are_refused(run, tmp_path):
    with pytest.raises(InputError, match=r"--max_area is of no use to --predictions"):
        run("--max_area", "HD", source=("--predictions", tmp_path))


def test_other_programs_alphas(run, data_root, tmp_path, capsys):
    """The truth scores zero; whatever else lies there is a row with its reason and status 1."""
    folder = tmp_path / "their alphas [1]"
    folder.mkdir()
    truth = {sample.name: sample.alpha for sample in P3MDataset(data_root, "P3M-500-P")}
    for name, alpha in truth.items():
        np.save(folder / f"{name}.npy", alpha)
    source = ("--predictions", folder)
    (folder / "notes.txt").touch()
    np.save(folder / "nobody.npy", np.zeros((50, 40), np.uint8))
    assert run(source=source) == 0
    told = capsys.readouterr().out
    assert f"passed over in {folder}: 1 .txt\n" in told
    assert f"passed over in {folder}: 1 alphas of no photo of P3M-500-P, nobody\n" in told
    path = tmp_path / "out" / "P3M-500-P_their alphas [1].csv"
    assert (read_results(path) == 0).all(axis=None)

    np.save(folder / "demo_00000.npy", np.zeros((50, 40), np.uint8))
    (folder / "demo_00001.npy").unlink()
    assert run("--overwrite", source=source) == 1
    with open(path, newline="") as file:
        first, second, average = csv.DictReader(file)
    assert "is 50x40 but the photo is 100x100; resize it" in first["error"]
    assert "holds no prediction demo_00001" in second["error"]
    assert first["SAD"] == second["SAD"] == average["SAD"] == ""
    assert "2 of 2 images" in average["error"]

    np.save(folder / "demo_00001.npy", (truth["demo_00001"] > 128).astype(np.uint8))
    np.save(folder / "demo_00000.npy", np.zeros((100, 100), np.uint8))
    assert run("--overwrite", source=source) == 1
    assert "no value above 1 of 255; multiply it by 255" in capsys.readouterr().out
    (score,) = read_results(path)["SAD"]
    assert score == pytest.approx(truth["demo_00000"].sum() / 255 / 1000)


def test_broken_photo_is_a_row(run, data_root, tmp_path):
    root = tmp_path / "Datasets"
    shutil.copytree(data_root / "P3M-10K" / "validation", root / "P3M-10K" / "validation")
    photo = root / "P3M-10K/validation/P3M-500-P/blurred_image/demo_00000.jpg"
    photo.write_bytes(photo.read_bytes()[:500])
    assert run("--data_root", root, "--report", "--with_coarse") == 1
    (name,) = read_results(tmp_path / "out" / "P3M-500-P_paper_0000000007.csv").index
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

    counted, calls = evaluation.score, []

    def dies_at_the_second(sample, answer, **options):
        calls.append(sample.name)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return counted(sample, answer, **options)

    monkeypatch.setattr(evaluation, "score", dies_at_the_second)
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


def test_rows_without_a_new_metric_are_measured_again(run, tmp_path, monkeypatch):
    """A run that was stopped before a metric was added goes on, and has it for every image."""

    def stop(self, rows, settings):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(evaluation.EvaluationFiles, "write", stop)
        run()
    entry = replace(TEST_SETS["P3M"], columns=("SAD", "ONE"))
    monkeypatch.setitem(METRICS, "ONE", lambda comparison: 1.0)
    monkeypatch.setitem(TEST_SETS, "P3M", entry)
    assert run("--resume") == 0
    (path,) = (tmp_path / "out").glob("*_0000000007.csv")
    rows = read_results(path)
    assert list(rows) == ["SAD", "ONE"]
    assert list(rows["ONE"]) == [1, 1]


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
    def killed(sample, answer, **options):
        raise BrokenProcessPool

    monkeypatch.setattr(evaluation, "score", killed)
    with pytest.raises(InputError, match=r"was killed.*--resume goes on"):
        run()


def test_packages_under_other_names_are_recorded_as_unknown(monkeypatch):
    def found(name):
        if name == "opencv-python":
            raise PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr("engine.evaluation.provenance.version", found)
    assert versions()["opencv-python"] == "unknown"
    assert versions()["numpy"] == "1.0"
