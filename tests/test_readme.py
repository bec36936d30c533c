"""The README and docs keep their word: every block and line runs."""

import re
import runpy
from pathlib import Path

import pytest

from tests import sandbox
from utils.video.frame import have_pyav

ROOT = Path(__file__).parents[1]
# The README, the pages beside it and those of docs; tests/test_extending.py runs what is left out.
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")} - {ROOT / "docs" / "extending.md"})
LINES = [line for page in PAGES for line in sandbox.lines(page)]
BLOCKS = [pytest.param(b, id=p.name) for p in PAGES for b in sandbox.blocks(p, "python")]

# What runs in tests/sandbox.py, and what is added there to make it short.
ON_THE_CPU = "--gpus --num_workers 0"
SHORT = f"{ON_THE_CPU} --crop_size 128 --batch_size 1 --val_every 0 --panel_every 0"
RUN = {
    "python predict.py --input photos --output mattes": "",
    "python predict.py --input me.jpg --output me.png --background green": "",
    "python predict.py --input film.mp4 --output film.mov --smooth": "",
    "python predict.py --checkpoint 0000500000.pth --input me.jpg --output mattes": "",
    "python -m P3MData.solve_fg_bg": "",
    "python train.py --gpus 0 --model_version model --train_dir ./train_root/paper": (
        f"{SHORT} --model_version demo --max_steps 1"
    ),
    "python train.py --train_dir ./train_root/paper --resume": "--max_steps 2",
    "python train.py --train_dir train_root/mine --init checkpoints/portrait.pth"
    " --model_version portrait --portraits mine --no_p3m --val_portraits mine_val --val_every 200"
    " --freeze_bn --lr 1e-5 --crop_size 384 --max_steps 2000": (
        f"{ON_THE_CPU} --crop_size 128 --batch_size 1 --panel_every 0 --max_steps 1"
    ),
    "python evaluate.py --checkpoint train_root/mine/logger/best.pth --dataset Portraits"
    " --portraits mine_val": ON_THE_CPU,
    "python predict.py --checkpoint train_root/mine/logger/best.pth --input photos"
    " --output mine_mattes": "",
    "SRC_TRAIN_DIR=./train_root/paper DATASET=P3M PRIVACY_DATA=1 bash run_benchmark.sh --report": (
        ON_THE_CPU
    ),
    "torchrun --nproc_per_node 4 evaluate.py --src_train_dir train_root/paper --dataset PPM": (
        ON_THE_CPU
    ),
    "python evaluate.py --predictions modnet_alphas --dataset P3M --output modnet": (
        "--num_workers 0"
    ),
    "python -m utils.report compare --paper P3M-500-P --format markdown"
    " modnet/P3M-500-P_modnet_alphas.csv"
    " train_root/paper/test_P3M/P3M-500-P_paper_0000400000.csv": "",
    'SRC_TRAIN_DIR=./train_root/paper INPUT_SIZE="3456 2304" bash run_profile.sh': (
        "--input_size 128 128 --unknown 7 --seconds 0"
    ),
    "python -m DemoData.generate --root ./Datasets-demo --train 2000 --test 50 --size 768"
    " --seed 0": "--train 1 --test 0 --size 64 --num_workers 1",
}
# What does not run there, and why; its options are looked up.
NOT_RUN = {
    "bash run_demo.sh": "minutes; .ci/run runs it, with fewer steps",
    "bash run_tests.sh": "runs these tests",
    "bash run_tests.sh tests/models": "runs some of these tests",
    "pip install pre-commit": "downloads a package",
    "pre-commit install": "needs that package; see tests/test_repository.py",
    "python demo_page.py --port 7860": "serves until it is stopped; see tests/test_demo_page.py",
    "python -m benchmarks.gpu --output gpu_results": (
        "minutes, made for a GPU; see tests/benchmarks/test_gpu.py"
    ),
    "tensorboard --logdir ./train_root/paper/logger": "serves until it is stopped",
    "python export_onnx.py --output lpm.onnx": "a minute; see tests/engine/export/test_export.py",
    "python predict.py --checkpoint lpm.onnx --input photos --output onnx_mattes": (
        "needs the file of the line before; see tests/engine/export/test_export.py"
    ),
    "python profile_model.py --model_version model --grid --precision fp32 bf16": (
        "minutes at 8K on a CPU; see tests/test_profile_model.py"
    ),
}


def test_every_line_is_run_or_says_why_not():
    assert not RUN.keys() & NOT_RUN.keys()
    assert sorted(RUN.keys() | NOT_RUN.keys()) == sorted(set(LINES))


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return sandbox.make(tmp_path_factory.mktemp("sandbox") / "repository")


def test_the_lines_run(folder):
    wanted = [f"{line} {RUN[line]}" for line in LINES if line in RUN]
    if not have_pyav():
        wanted = [line for line in wanted if "film.mov" not in line]
    calls = sandbox.calls_of(folder, wanted)
    assert len(calls) == len(wanted)
    done = sandbox.run(folder, calls)
    assert done.returncode == 0, done.stderr[-3000:]
    outputs = [call[call.index("--output") + 1] for call in calls if "--output" in call]
    assert [name for name in outputs if not (folder / name).exists()] == []


@pytest.mark.parametrize("block", BLOCKS)
def test_blocks_of_python_run_word_for_word(folder, monkeypatch, block):
    monkeypatch.chdir(folder)
    (folder / "block.py").write_text(block, encoding="utf-8")
    runpy.run_path("block.py", run_name="__main__")


@pytest.mark.parametrize("line", [line for line in NOT_RUN if line.startswith("python ")])
def test_options_of_lines_that_do_not_run_exist(line, monkeypatch, capsys):
    script, module, *_ = line.split()[1:]
    monkeypatch.setattr("sys.argv", [script, "--help"])
    with pytest.raises(SystemExit):
        if script == "-m":
            runpy.run_module(module, run_name="__main__")
        else:
            runpy.run_path(str(ROOT / script), run_name="__main__")
    given = {word for word in line.split() if word.startswith("--")}
    assert given <= set(re.findall(r"--\w+", capsys.readouterr().out))
