"""Wrong values are refused at the start, in one sentence that names them."""

import json
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest

import train
from engine.training.arguments import FREE, RunSettings, parse_arguments
from engine.training.optimisation import learning_rate
from engine.training.run_state import RECORD
from models import CONFIGS
from models.losses import LOSSES
from tests.engine.tiny_run import command
from utils.errors import InputError


def parse(train_dir, *words):
    return parse_arguments("", ["--train_dir", str(train_dir), *words])


@pytest.mark.parametrize(
    "words, said",
    [
        ("--crop_size 0", "--crop_size: 0 is not a whole number from 1 to 10000"),
        ("--batch_size 10001", "--batch_size: 10001 is not a whole number from 1 to 10000"),
        (f"--trimap_ellipse 1{30 * '0'}", "is not a whole number from 1 to 10000"),
        ("--num_neighbours 10000000000", "is not a whole number from 1 to 10000"),
        ("--num_workers 1001", "1001 is not a whole number from 0 to 1000"),
        ("--lr 1e300", "--lr: 1e300 is not a number above 0 to 1e+09"),
        ("--lr nan", "--lr: nan is not a number above 0"),
        ("--lr inf", "--lr: inf is not"),
        ("--lr 0", "--lr: 0 is not"),
        ("--lr much", "--lr: much is not"),
        ("--batch_size 1.5", "--batch_size: 1.5 is not a whole number"),
        (f"--seed {2**63}", "--seed: 9223372036854775808 is not a whole number from 0 to"),
        ("--ema 1", "--ema 1.0 would never move"),
        ("--replace_share 2", "--replace_share: 2 is not a number from 0 to 1"),
        ("--empty_share 1.1", "--empty_share: 1.1 is not a number from 0 to 1"),
        ("--portraits a b c --edge_weight 1 2", "--edge_weight takes one number, or one for each"),
        ("--portrait_repeat 1 2", "--portrait_repeat takes one number, or one for each of"),
        ("--set depth=3", "depth=3 is no FIELD=VALUE; the fields are backbone"),
        ("--set blocks=many", "blocks is int, not 'many'"),
        ("--set num_heads=3", "num_heads is NoneType or tuple, not '3'"),
        ("--set refinement", "refinement is bool, not ''"),
        ("--set attention_heads=3", "attention_width 128 must be a multiple"),
        ("--schedule cosine", "needs --schedule_steps"),
        ("--schedule cosine --schedule_steps 5 --warmup_steps 5", "more than --warmup_steps"),
        ("--loss_weights alfa=1", "alfa is no loss term"),
        ("--loss_weights alpha=-1", "-1 is not a number from 0"),
        (f"--loss_weights {' '.join(f'{term}=0' for term in LOSSES)}", "nothing to learn from"),
        ("--no_p3m", "name a folder with --portraits"),
        ("--model_version huge", "invalid choice: 'huge'"),
        ("--pretrained --no_pretrained", "not allowed with"),
        ("--max_step 3", "unrecognized arguments: --max_step"),
        ("--resume", "holds no run to resume"),
    ],
)
def test_wrong_values_are_refused(tmp_path, words, said):
    with pytest.raises(InputError) as error:
        parse(tmp_path, *words.split())
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_the_defaults_are_the_papers(tmp_path):
    settings = parse(tmp_path / "new")
    assert settings.network.config == CONFIGS["model"]
    assert settings.network.pretrained
    assert not parse(tmp_path / "new", "--model_version", "demo").network.pretrained
    rates = [
        learning_rate(step, settings.optimisation)
        for step in (0, 119_999, 120_000, 239_999, 240_000)
    ]
    assert rates == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5, 1e-6])


@pytest.mark.parametrize("words", [[], ["--no_refinement", "--init_coarse", "a.pth"]])
def test_freezing_what_is_not_trained_or_all_there_is_is_refused(tmp_path, words):
    with pytest.raises(InputError, match=r"--init or --init_coarse"):
        parse(tmp_path / "new", "--freeze_coarse", *words)


def test_cosine_with_warm_up(tmp_path):
    words = ["--lr", "1", "--schedule", "cosine", "--schedule_steps", "30", "--warmup_steps", "10"]
    settings = parse(tmp_path / "new", *words)
    rates = [learning_rate(step, settings.optimisation) for step in (0, 9, 10, 20, 30, 1000)]
    assert rates == pytest.approx([0.1, 1, 1, 0.505, 0.01, 0.01])


@pytest.mark.parametrize("there", [RECORD, "logger/0000000001.pth", "logger/events.out"])
def test_a_folder_that_holds_another_run_is_refused_and_left_alone(tmp_path, there):
    path = tmp_path / there
    path.parent.mkdir(exist_ok=True)
    path.write_text("kept")
    with pytest.raises(InputError, match=r"holds another run.*--resume"):
        parse(tmp_path)
    assert path.read_text() == "kept"


def test_a_folder_with_other_things_is_no_run(tmp_path):
    (tmp_path / "test_P3M").mkdir()
    (tmp_path / "logger").mkdir()
    parse(tmp_path)


def test_a_train_dir_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="is a file"):
        parse(tmp_path / "file")


# As train.py wrote it before its settings had sections.
OLD = {
    "train_dir": "run", "resume": False, "gpus": [], "max_steps": 800, "seed": 7, "num_workers": 0,
    "data_root": "drawn", "portraits": ["a", "b"], "portrait_repeat": [1, 6],
    "edge_weight": [0.3, 0.5], "split": None, "no_p3m": False, "backgrounds": "scenes",
    "replace_share": 0.55, "empty_share": 0.1, "augmentation": "strong", "scale": [0.6, 2.2],
    "recombine": True, "degrade": True, "trimap_ellipse": 15, "keep_data": True, "crop_size": 384,
    "batch_size": 8, "accumulate": 1, "model_version": "portrait", "backbone": None,
    "num_neighbours": None, "no_attention": False, "no_refinement": False, "set": ["blocks=0"],
    "pretrained": False, "pretrained_file": None, "no_pretrained": False, "init": None,
    "init_coarse": "first.pth", "freeze_bn": False, "freeze_early": True, "freeze_coarse": True,
    "optimizer": "muon", "lr": 0.002, "schedule": "cosine", "lr_steps": [120000, 240000],
    "lr_drop": 0.1, "schedule_steps": 800, "warmup_steps": 50, "weight_decay": 1e-06, "clip": 1.0,
    "ema": 0.998, "refined_share": 0.15, "loss_weights": [["alpha", 0.0], ["laplacian", 3.0]],
    "precision": "auto", "compile": False, "save_every": 200, "keep_last": 3, "keep_every": 50000,
    "val_every": 400, "val_images": 135, "val_portraits": ["a"], "val_split": "a/m.csv:val",
    "log_every": 50, "panel_every": 0,
}  # fmt: skip


def test_a_record_of_before_is_resumed_with_the_same_options_and_kept_as_it_is(tmp_path):
    record = json.dumps(OLD | {"portraits_found": 3, "an_option_that_is_gone": 1})
    (tmp_path / RECORD).write_text(record)
    words = (
        "--resume --optimizer muon --edge_weight 0.3 0.5 --scale 0.6 2.2 --init_coarse first.pth"
    )
    words += " --loss_weights alpha=0 laplacian=3 --set blocks=0 --backgrounds elsewhere"
    settings = parse(tmp_path, *words.split())
    changed = {"train_dir": str(tmp_path), "resume": True, "backgrounds": "elsewhere"}
    assert settings.plain() == OLD | changed
    assert list(settings.plain()) == list(OLD)
    assert settings.network.init_coarse == Path("first.pth")
    assert settings.data.portraits == (Path("a"), Path("b"))
    with pytest.raises(InputError, match=r"--edge_weight \[0.5\] differs from \[0.3, 0.5\]"):
        parse(tmp_path, "--resume", "--edge_weight", "0.5")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("batch_size", "many"),
        ("batch_size", 1.5),
        ("batch_size", None),
        ("batch_size", True),
        ("batch_size", [8]),
        ("lr", "fast"),
        ("lr", -1),
        ("lr", {"a": 1}),
        ("scale", 0.5),
        ("scale", [0.5]),
        ("scale", [0.5, "x"]),
        ("scale", [2, 1]),
        ("recombine", "yes"),
        ("recombine", 1),
        ("optimizer", "sgd"),
        ("model_version", 7),
        ("data_root", None),
        ("data_root", ["a"]),
        ("portraits", "folder"),
        ("portraits", [None]),
        ("loss_weights", [["alpha"]]),
        ("loss_weights", {"alpha": 2}),
        ("loss_weights", [["alpha", None]]),
        ("gpus", ["x"]),
    ],
)
def test_a_record_of_wrong_values_is_a_sentence(tmp_path, name, value):
    record = RunSettings.of({"train_dir": str(tmp_path)}).plain()
    (tmp_path / RECORD).write_text(json.dumps(record | {name: value}))
    with pytest.raises(InputError, match=rf"{RECORD}: .*{name}") as error:
        parse(tmp_path, "--resume")
    assert "\n" not in str(error.value)


def test_settings_are_frozen_and_are_the_parsers_flags(tmp_path):
    settings = parse(tmp_path / "new")
    assert settings.plain().keys() == OLD.keys() > FREE
    with pytest.raises(FrozenInstanceError):
        settings.data.crop_size = 1
    assert hash(settings) == hash(parse(tmp_path / "new"))


@pytest.fixture
def begun(tmp_path):
    """A folder with the record of a run."""
    settings = parse(tmp_path / "run", "--model_version", "demo", "--lr", "0.002")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / RECORD).write_text(json.dumps(settings.plain()))
    return tmp_path / "run"


def test_a_resumed_run_takes_its_values_from_the_record(begun):
    settings = parse(begun, "--resume", "--max_steps", "7", "--lr", "0.002")
    assert (settings.network.model_version, settings.optimisation.lr) == ("demo", 0.002)
    assert (settings.run.max_steps, settings.run.resume) == (7, True)


def test_a_resumed_run_refuses_what_would_change_its_result(begun):
    with pytest.raises(InputError, match=r"--lr 0.1 differs from 0.002"):
        parse(begun, "--resume", "--lr", "0.1")


@pytest.mark.parametrize("text", ["", "{", "3", "null", "[]"])
def test_a_broken_record_is_told_of(begun, text):
    (begun / RECORD).write_text(text)
    with pytest.raises(InputError, match=RECORD):
        parse(begun, "--resume")


@pytest.fixture
def main(monkeypatch):
    def call(*values, **options):
        monkeypatch.setattr(sys, "argv", ["train.py", *command(*values, **options)])
        return train.main()

    return call


def test_missing_data_is_refused(main, tmp_path):
    for made, said in [
        ((), "P3M-10K/train"),
        (("blurred_image",), "holds no .jpg"),
        (("blurred_image/a.jpg", "mask/a.png"), "fg.*python -m P3MData.solve_fg_bg"),
    ]:
        for name in made:
            path = tmp_path / "P3M-10K/train" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch() if path.suffix else path.mkdir()
        with pytest.raises(InputError, match=said):
            main(tmp_path, tmp_path / "run", model_version="demo")
    assert not (tmp_path / "run").exists()


def test_the_papers_ablations_are_names_for_settings(tmp_path):
    paper = ["--backbone", "swin_small_patch4_window7_224", "--num_neighbours", "4"]
    paper += ["--no_attention", "--no_refinement"]
    same = ["backbone=swin_small_patch4_window7_224", "num_neighbours=4"]
    same += ["cross_region_attention=False", "refinement=False"]
    configs = [parse(tmp_path, *words).network.config for words in (paper, ["--set", *same])]
    assert configs[0] == configs[1] != CONFIGS["model"]
    config = parse(tmp_path, "--set", "depths=(1,1,1,1)", "embed_dim=None").network.config
    assert config == replace(CONFIGS["model"], depths=(1, 1, 1, 1))
