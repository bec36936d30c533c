"""train_demo.sh and ablation.sh with a stand-in for Python: which commands they run, and when."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STAND_IN = """#!/usr/bin/env bash
echo "$*" >> "$LOG"
while [ $# -gt 0 ]; do
    case "$1" in
    DemoData.generate) made=BG-20K/train/scene.jpg ;;
    --root) root="$2" ;;
    --train_dir) run="$2" ;;
    --max_steps) printf -v made '%010d.pth' "$2" ;;
    --keep_every) keep=1 ;;
    esac
    shift
done
if [ -n "${root:-}" ]; then
    mkdir -p "$root/BG-20K/train" && touch "$root/$made"
elif [ -n "${made:-}" ]; then
    mkdir -p "$run/logger"
    [ -n "${keep:-}" ] || rm -f "$run"/logger/*.pth # --keep_last removes them in the end
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

    def call(*arguments, script="train_demo.sh", device="cpu", **places):
        log.write_text("")
        places = {"VENV": tmp_path / "venv", "OUT": tmp_path / "out", "LOG": log} | places
        done = subprocess.run(
            ["bash", ROOT / "checkpoints" / script, *map(str, arguments)],
            env=os.environ
            | {name: str(value) for name, value in places.items()}
            | {"DEVICE": device},
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stderr, log.read_text().splitlines()

    return call


def values(command, option):
    words = command.split()
    return words[words.index(option) + 1] if option in words else None


def test_each_stage_begins_with_what_the_one_before_left(recipe):
    status, said, commands = recipe()
    assert status == 0, said
    stages = [command for command in commands if command.startswith("train.py")]
    left = None
    for stage in stages:
        before = [c for c in commands[: commands.index(stage)] if values(c, "--output")]
        if before:  # the last stage begins with what was calibrated
            assert values(before[0], "--checkpoint") == left
            left = values(before[0], "--output")
        assert (values(stage, "--init_coarse") or values(stage, "--init")) == left
        assert "--resume" not in stage and "--portraits" not in stage
        left = f"{values(stage, '--train_dir')}/logger/{int(values(stage, '--max_steps')):010d}.pth"
        assert Path(left).exists()
    assert "--freeze_coarse" in stages[-1]
    assert sum("checkpoints.calibrate" in command for command in commands) == 1
    assert [c.split()[:2] for c in commands[-2:]] == [
        ["-m", "checkpoints.pack"],
        ["evaluate.py", "--checkpoint"],
    ]
    assert values(commands[-2], "--train_dir") == values(stages[-1], "--train_dir")
    status, said, commands = recipe()
    assert status == 0, said
    assert not any(command.startswith("train.py") for command in commands)


def test_on_a_gpu_it_trains_in_two_calls_and_a_third_trains_no_more(recipe):
    stops, resumed = [], []
    for _ in range(3):
        status, said, commands = recipe(device="gpu")
        assert status == 0, said
        stages = [command for command in commands if command.startswith("train.py")]
        stops += [values(stage, "--max_steps") for stage in stages]
        resumed += ["--resume" in stage for stage in stages]
        assert any("checkpoints.pack" in command for command in commands)
    assert stops == ["3000", "6000"]
    assert resumed == [False, True]


def test_real_portraits_and_scenes_come_in_by_options(recipe, tmp_path):
    for name in ("portraits/image", "portraits/alpha", "views"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "views/sea.jpg").touch()
    status, said, commands = recipe(
        "--portraits", tmp_path / "portraits", "--backgrounds", tmp_path / "views"
    )
    assert status == 0, said
    assert any("checkpoints.shrink" in command for command in commands)
    stages = [command for command in commands if command.startswith("train.py")]
    assert all(values(stage, "--portraits").endswith("/real") for stage in stages)
    names = sorted(path.name for path in (tmp_path / "out/scenes").iterdir())
    assert sum(name.endswith("sea.jpg") for name in names) == 8
    assert (tmp_path / "out/scenes" / names[-1]).resolve() == tmp_path / "views/sea.jpg"


@pytest.mark.parametrize(
    ("arguments", "device", "words"),
    [
        (["--portraits", "/no/such/folder"], "cpu", "/no/such/folder is no folder"),
        (["--people", "x"], "cpu", "--people is not --portraits FOLDER"),
        ([], "tpu", "DEVICE is tpu; give cpu or gpu"),
    ],
)
def test_mistakes_are_refused_before_anything_is_drawn(recipe, arguments, device, words):
    status, said, commands = recipe(*arguments, device=device)
    assert (status, commands) == (2, [])
    assert words in said


def test_the_ablation_changes_the_attention_alone(recipe, tmp_path):
    status, said, commands = recipe(
        script="ablation.sh",
        FROM=tmp_path / "out",
        OUT=tmp_path / "ablation",
        SEEDS="5",
        STEPS="40",
    )
    assert (status, commands) == (2, [])
    assert "run checkpoints/train_demo.sh first" in said
    recipe()
    options = {"FROM": tmp_path / "out", "OUT": tmp_path / "ablation", "SEEDS": "5", "STEPS": "40"}
    status, said, commands = recipe(script="ablation.sh", **options)
    assert status == 0, said
    with_it, without = (c.split() for c in commands if c.startswith("train.py"))
    assert without[-1] == "--no_attention"
    place = with_it.index("--train_dir") + 1
    assert with_it[:place] + with_it[place + 1 :] == without[:place] + without[place + 1 : -1]
    assert sum(command.startswith("evaluate.py") for command in commands) == 2
