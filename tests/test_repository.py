"""What people and services expect of a repository agrees with what is in it."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def load_yaml(name):
    yaml = pytest.importorskip("yaml", reason="PyYAML comes with timm")
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("option", [(), ("--editable",)])
def test_pip_install_says_in_a_sentence_that_there_is_no_wheel(tmp_path, option):
    pytest.importorskip("pip", reason="an environment without pip")
    for name in ("pyproject.toml", ".ci/no_wheel.py", "models/__init__.py", "utils/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    pip = [sys.executable, "-m", "pip", "install", "--no-index", "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, *option, "."], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    assert done.returncode
    assert "lpm is no package to install" in said
    assert "source setup.sh" in said
    assert "Traceback" not in said


def test_run_benchmark_refuses_what_is_neither_0_nor_1():
    environment = os.environ | {"SAVE_IMGS": "no", "VENV": "/nowhere"}
    command = ["bash", ROOT / "run_benchmark.sh"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "error: SAVE_IMGS is no; give 0 or 1\n")


def test_the_citation_names_the_paper_and_this_version():
    citation = load_yaml("CITATION.cff")
    [version] = re.findall(r'^version = "(.+)"$', PROJECT, re.MULTILINE)
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == version
    paper, readme = citation["preferred-citation"], (ROOT / "README.md").read_text(encoding="utf-8")
    for words in (paper["title"], paper["url"], *(a["family-names"] for a in paper["authors"])):
        assert words in " ".join(readme.split())
    assert f"\n## {version}\n" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_continuous_integration_runs_what_is_there():
    [job] = load_yaml(".github/workflows/ci.yml")["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands == ["bash .ci/run"]
    assert (ROOT / ".ci" / "run").is_file()


def test_the_hooks_of_a_commit_are_the_lint_of_the_tests():
    [repository] = load_yaml(".pre-commit-config.yaml")["repos"]
    script = (ROOT / "run_tests.sh").read_text(encoding="utf-8")
    for hook in repository["hooks"]:
        assert f'"$PYTHON" -m {hook["name"]}' in script
        assert hook["entry"].startswith(f".venv/bin/python -m {hook['name']}")


PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("checkpoints/*.md")]


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_to_a_file_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    names = [page.parent / name for name in re.findall(r"\]\((?!https?:)([^)#\s]+)", text)]
    names += [ROOT / name for name in re.findall(r"bash ([\w./]+\.sh)", text)]
    assert [str(name) for name in names if not name.exists()] == []
