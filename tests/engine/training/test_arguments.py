"""Wrong values are refused at the start, in one sentence that names them."""

import json
import sys
from dataclasses import replace

import pytest

import train
from engine.training.arguments import network_config, parse_arguments, to_plain
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
        ("--crop_size 0", "--crop_size: 0 is not a whole number from 1 up"),
        ("--lr nan", "--lr: nan is not a number above 0"),
        ("--lr inf", "--lr: inf is not"),
        ("--lr 0", "--lr: 0 is not"),
        ("--lr much", "--lr: much is not"),
        ("--batch_size 1.5", "--batch_size: 1.5 is not a whole number"),
        ("--ema 1", "--ema 1.0 would never move"),
        ("--replace_share 2", "--replace_share 2.0 is more than 1"),
        ("--empty_share 1.1", "--empty_share 1.1 is more than 1"),
        ("--portraits a b c --edge_weight 1 2", "--edge_weight takes one number, or one for each"),
        ("--portrait_repeat 1 2", "--portrait_repeat takes one number, or one for each folder"),
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
    values = parse(tmp_path / "new")
    assert network_config(values) == CONFIGS["model"]
    assert values["pretrained"]
    assert not parse(tmp_path / "new", "--model_version", "demo")["pretrained"]
    rates = [learning_rate(step, values) for step in (0, 119_999, 120_000, 239_999, 240_000)]
    assert rates == pytest.approx([1e-4, 1e-4, 1e-5, 1e-5, 1e-6])


@pytest.mark.parametrize("words", [[], ["--no_refinement", "--init_coarse", "a.pth"]])
def test_freezing_what_is_not_trained_or_all_there_is_is_refused(tmp_path, words):
    with pytest.raises(InputError, match=r"--init or --init_coarse"):
        parse(tmp_path / "new", "--freeze_coarse", *words)


def test_cosine_with_warm_up(tmp_path):
    words = ["--lr", "1", "--schedule", "cosine", "--schedule_steps", "30", "--warmup_steps", "10"]
    values = parse(tmp_path / "new", *words)
    rates = [learning_rate(step, values) for step in (0, 9, 10, 20, 30, 1000)]
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


@pytest.fixture
def begun(tmp_path):
    """A folder with the record of a run."""
    values = parse(tmp_path / "run", "--model_version", "demo", "--lr", "0.002")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / RECORD).write_text(json.dumps(to_plain(values)))
    return tmp_path / "run"


def test_a_resumed_run_takes_its_values_from_the_record(begun):
    values = parse(begun, "--resume", "--max_steps", "7", "--lr", "0.002")
    assert (values["model_version"], values["lr"], values["max_steps"]) == ("demo", 0.002, 7)
    assert values["resume"]


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
            (tmp_path / "P3M-10K/train" / name).mkdir(parents=True, exist_ok=True)
        with pytest.raises(InputError, match=said):
            main(tmp_path, tmp_path / "run", model_version="demo")
    assert not (tmp_path / "run").exists()


def test_the_papers_ablations_are_names_for_settings(tmp_path):
    paper = ["--backbone", "swin_small_patch4_window7_224", "--num_neighbours", "4"]
    paper += ["--no_attention", "--no_refinement"]
    same = ["backbone=swin_small_patch4_window7_224", "num_neighbours=4"]
    same += ["cross_region_attention=False", "refinement=False"]
    configs = [network_config(parse(tmp_path, *words)) for words in (paper, ["--set", *same])]
    assert configs[0] == configs[1] != CONFIGS["model"]
    config = network_config(parse(tmp_path, "--set", "depths=(1,1,1,1)", "embed_dim=None"))
    assert config == replace(CONFIGS["model"], depths=(1, 1, 1, 1))
