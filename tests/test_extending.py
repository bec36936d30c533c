"""The recipes of docs/extending.md: each block is put where it says, and each command runs then."""

import csv
import json
import re
import shutil

import pytest
import torch

from tests import sandbox
from tests.engine.training.test_loop import losses

PAGE = sandbox.ROOT / "docs" / "extending.md"
ON_THE_CPU = "--gpus --num_workers 0"
# What makes a script's run short; the page's own options come after it and win.
SHORT = {
    "train.py": f"{ON_THE_CPU} --no_pretrained --model_version demo --max_steps 1 --crop_size 128"
    " --batch_size 1 --val_every 0 --panel_every 0 --log_every 1 --portraits mine --no_p3m",
    "evaluate.py": ON_THE_CPU,
    "profile_model.py": "--gpus --input_size 128 128 --unknown 7 --seconds 0",
}


def recipes():
    """(file, code) of each block of Python."""
    for block in sandbox.blocks(PAGE, "python"):
        heading, code = block.split("\n", 1)
        yield heading.removeprefix("# at the end of "), code


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A copy of the repository with all recipes carried out."""
    folder = sandbox.make(tmp_path_factory.mktemp("sandbox") / "repository")
    for name, code in recipes():
        text = (sandbox.ROOT / name).read_text(encoding="utf-8")
        (folder / name).unlink()  # a link to the original
        (folder / name).write_text(f"{text}\n\n{code}", encoding="utf-8")
    data = folder / "Datasets"
    for layer, place in (("photo", "image"), ("matte", "matte"), ("trimap", "trimap")):
        shutil.copytree(data / "PPM-100" / place, data / "Weddings" / layer)
    commands = [line.split(maxsplit=2) for line in sandbox.lines(PAGE)]
    lines = [f"{python} {script} {SHORT[script]} {rest}" for python, script, rest in commands]
    done = sandbox.run(folder, sandbox.calls_of(folder, lines))
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def columns(path):
    with open(path, newline="", encoding="utf-8") as file:
        return next(csv.reader(file))


def config(train_dir):
    [path] = (train_dir / "logger").glob("*.pth")
    return torch.load(path, weights_only=True)["config"]


def test_a_recipe_is_short_and_changes_one_file():
    names = [name for name, _ in recipes()]
    assert len(names) == len(set(names)) == 3
    for block in (*sandbox.blocks(PAGE, "python"), *sandbox.blocks(PAGE, "bash")):
        assert len(block.splitlines()) <= 15
    assert len(re.findall("^## ", PAGE.read_text(encoding="utf-8"), re.MULTILINE)) == 5


def test_the_test_set_is_measured_with_the_metric(folder):
    results = folder / "checkpoints" / "test_Weddings"
    assert columns(results / "Weddings_paper_portrait.csv")[-1] == "WORST"
    facts = json.loads((results / "Weddings_paper_portrait.json").read_text())
    assert facts["test_set"] == "Weddings"


def test_the_metric_is_measured_on_ones_own_portraits(folder):
    results = folder / "checkpoints" / "test_Portraits"
    assert columns(results / "mine_pad_portrait.csv")[-2:] == ["IoU", "WORST"]


def test_the_loss_term_is_part_of_the_total(folder):
    curves = losses(folder / "train_root" / "sharp")
    terms = {name.removeprefix("loss/"): curve[1] for name, curve in curves.items()}
    total, new = terms.pop("total"), terms.pop("half_transparent")
    assert 0 < new <= 1
    assert total == pytest.approx(sum(terms.values()) + 0.1 * new, rel=1e-5)


def test_the_ablation_is_of_the_network_that_was_asked_for(folder):
    settings = config(folder / "train_root" / "k4")
    assert (settings["num_neighbours"], settings["attention_width"]) == (4, 64)
    assert list((folder / "train_root" / "k4" / "test_P3M").glob("*.csv"))


def test_the_backbone_is_the_one_that_was_named(folder):
    assert config(folder / "train_root" / "small")["backbone"] == "mobilenetv3_small_050"
