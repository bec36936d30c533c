"""train_portrait.sh with a stand-in for Python: which commands it runs, and when."""

import os
import subprocess
from pathlib import Path

import pytest

from engine.training.arguments import parse_arguments

ROOT = Path(__file__).parents[2]
STAND_IN = """#!/usr/bin/env bash
echo "$*" >> "$LOG"
while [ $# -gt 0 ]; do
    case "$1" in
    DemoData.generate) made=BG-20K/train/scene.jpg ;;
    --root) root="$2" ;;
    checkpoints.shrink) shrink=1 ;;
    --output) [ -z "${shrink:-}" ] || small="$2" ;;
    --train_dir) run="$2" ;;
    --max_steps) printf -v made '%010d.pth' "$2" ;;
    esac
    shift
done
if [ -n "${root:-}" ]; then
    mkdir -p "$root/BG-20K/train" && touch "$root/$made"
elif [ -n "${small:-}" ]; then
    mkdir -p "$small/bg" && touch "$small/bg/me.png"
elif [ -n "${made:-}" ]; then
    mkdir -p "$run/logger"
    rm -f "$run"/logger/*.pth # --keep_last removes them in the end
    touch "$run/logger/$made"
fi
"""


@pytest.fixture
def recipe(tmp_path):
    """Call the script; returns its exit status, its words on stderr and the commands it ran."""
    python = tmp_path / "venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(STAND_IN)
    python.chmod(0o755)
    log = tmp_path / "log"
    for folder in ("real", "portraits", "views"):
        (tmp_path / folder).mkdir()
    (tmp_path / "views/sea.jpg").touch()
    rows = ["name,split,source", *(f"street{n},train,many" for n in range(300))]
    rows += ["home,train,few", "kept,val,few", "street300,val,many"]
    (tmp_path / "real/manifest.csv").write_text("\n".join(rows))
    (tmp_path / "lite0.pth").touch()
    usual = ["--real", tmp_path / "real", "--portraits", tmp_path / "portraits"]
    usual += ["--scenes", tmp_path / "views", "--imagenet", tmp_path / "lite0.pth"]

    def call(*arguments, **places):
        log.write_text("")
        places = {"VENV": tmp_path / "venv", "OUT": tmp_path / "out", "LOG": log} | places
        done = subprocess.run(
            ["bash", ROOT / "checkpoints/train_portrait.sh", *map(str, arguments or usual)],
            env=os.environ | {name: str(value) for name, value in places.items()},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stderr, log.read_text().splitlines()

    return call


def values(command, option):
    words = command.split()
    return words[words.index(option) + 1] if option in words else None


def stages_of(commands):
    return [command for command in commands if command.startswith("train.py")]


def last(stage):
    return f"{values(stage, '--train_dir')}/logger/{int(values(stage, '--max_steps')):010d}.pth"


def test_each_stage_begins_with_what_the_one_before_left(recipe, tmp_path):
    status, said, commands = recipe()
    assert status == 0, said
    first, second, third = stages_of(commands)
    assert values(first, "--pretrained_file") == str(tmp_path / "lite0.pth")
    assert values(second, "--init") == last(first)
    assert values(third, "--init_coarse") == last(second)
    assert "--freeze_coarse" in third and "--resume" not in first + second + third
    assert [c.split()[:2] for c in commands[-2:]] == [
        ["-m", "checkpoints.pack"],
        ["evaluate.py", "--checkpoint"],
    ]
    assert values(commands[-2], "--train_dir") == values(third, "--train_dir")
    status, said, commands = recipe()
    assert status == 0, said
    assert not stages_of(commands)


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_every_option_is_one_of_train_py(recipe, device, tmp_path):
    for stages in ("1 2 3", "ablation"):
        status, said, commands = recipe(DEVICE=device, STAGES=stages)
        assert status == 0, said
        for number, stage in enumerate(stages_of(commands)):
            words = [
                tmp_path / "new" if w.startswith(str(tmp_path / "out")) else w
                for w in stage.split()[1:]
            ]
            words = [str(w) for w in words]
            words[words.index("--train_dir") + 1] = str(tmp_path / f"new{number}")
            assert parse_arguments("", words).network.config.backbone == "tf_efficientnet_lite0"


def test_real_scenes_count_several_times_and_estimated_ones_once(recipe, tmp_path):
    recipe()
    names = sorted(path.name for path in (tmp_path / "out/scenes").iterdir())
    assert [sum(name.endswith(end) for name in names) for end in ("sea.jpg", "me.png")] == [4, 1]
    [first] = [name for name in names if name.endswith("1-sea.jpg")]
    assert (tmp_path / "out/scenes" / first).resolve() == tmp_path / "views/sea.jpg"


def test_photos_for_training_of_sources_that_have_few_are_linked_once_more(recipe, tmp_path):
    recipe()
    for layer in ("image", "alpha", "fg", "bg"):
        [link] = (tmp_path / "out/rare" / layer).iterdir()
        assert link.readlink() == tmp_path / "out/real" / layer / "home.png"


def test_on_a_gpu_it_trains_in_two_calls_and_a_third_trains_no_more(recipe):
    numbers = []
    for _ in range(3):
        status, said, commands = recipe(DEVICE="gpu")
        assert status == 0, said
        numbers.append(len(stages_of(commands)))
    assert numbers == [1, 2, 0]


@pytest.mark.parametrize(
    ("arguments", "device", "words"),
    [
        (
            ["--real", "/no/such/folder", "--portraits", "/tmp"],
            "cpu",
            "/no/such/folder is no folder",
        ),
        (["--people", "x"], "cpu", "--people is none of --real"),
        (["--real"], "cpu", "--real names nothing"),
        ([], "tpu", "DEVICE is tpu, not cpu or gpu"),
    ],
)
def test_mistakes_are_refused_before_anything_is_drawn(recipe, arguments, device, words):
    status, said, commands = recipe(*arguments, DEVICE=device)
    assert (status, commands) == (2, [])
    assert words in said


def test_an_ablation_changes_one_thing(recipe):
    status, said, commands = recipe(STAGES="ablation")
    assert status == 0, said
    by_name = {
        values(stage, "--train_dir").rsplit("/", 1)[1]: stage.split()
        for stage in stages_of(commands)
    }
    whole = by_name["coarse"][3:]
    assert by_name["without_blocks"][3:] == [*whole, "--set", "blocks=0"]
    assert by_name["without_imagenet"][3:] == [*whole[:-3], "--no_pretrained"]
    for seed in "123":
        with_it, without = by_name[f"with_CRA-{seed}"], by_name[f"without_CRA-{seed}"]
        assert without[3:] == [*with_it[3:], "--no_attention"]
        assert with_it[-1] == seed
        assert values(" ".join(with_it[::-1]), "checkpoints/portrait.pth") == "--init_coarse"
    assert sum(command.startswith("evaluate.py") for command in commands) >= 1
