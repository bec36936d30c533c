"""Whoever calls a public function with a path may give a str as well as a Path."""

import ast
from dataclasses import fields
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import PhotoMatteData.data_loader as photomatte
import PPMData.data_loader as ppm
from data.check import inspect_folders
from data.portraits import PortraitDataset, TestPortraits
from data.predictions import read_prediction
from DemoData.generate import generate
from engine.evaluation.provenance import file_hash
from engine.evaluation.sources import open_folder
from engine.prediction.jobs import choose_kinds, find_sources, plan_jobs
from engine.prediction.predictors import load_predictor
from engine.profiling.files import write_tables
from engine.training.arguments import SECTIONS
from engine.training.run_state import check_new, read_arguments
from models import CONFIGS, build_model, load_model
from models.checkpoint import latest_checkpoint, save_checkpoint
from P3MData.data_loader import P3MDataset
from P3MData.solve_fg_bg import solve_dataset
from utils.errors import InputError, MissingError
from utils.files import atomic_path, keep_existing
from utils.images import (
    list_images,
    pair_by_stem,
    read_alpha,
    read_photo,
    read_rgba,
    read_size,
    write_image,
)
from utils.images.metadata import Metadata, read_metadata
from utils.metrics import COLUMNS
from utils.report import load_systems
from utils.results.page import write_report
from utils.results.rows import Row, add_to_journal, read_journal, read_results, write_results

ROOT = Path(__file__).parents[1]
# Records of what find_sources and plan_jobs have found; nobody else makes them.
RECORDS = {"Media.path", "Media.relative", "Job.source", "Job.outputs"}
# parse_arguments makes the sections of these, of words.
SETTINGS = {f"{s.__name__}.{f.name}" for s in SECTIONS.values() for f in fields(s)}


def narrow(annotation):
    """Whether an annotation wants a Path where no str will do; callbacks don't count."""
    if isinstance(annotation, ast.Subscript) and ast.unparse(annotation.value) == "Callable":
        return False
    if isinstance(annotation, ast.BinOp) and "str" in ast.unparse(annotation).split(" | "):
        return False
    if isinstance(annotation, ast.Name):
        return annotation.id == "Path"
    return any(map(narrow, ast.iter_child_nodes(annotation)))


def parameters(tree, owner=""):
    """(name, annotation) of what the public functions and constructors of a module take."""
    for node in ast.iter_child_nodes(tree):
        name = getattr(node, "name", "")
        if isinstance(node, ast.ClassDef) and not name.startswith("_"):
            yield from parameters(node, f"{name}.")
        elif isinstance(node, ast.FunctionDef) and (name == "__init__" or name[0] != "_"):
            for found in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]:
                yield f"{owner}{name}({found.arg})", found.annotation
        elif owner and isinstance(node, ast.AnnAssign):  # a dataclass's field
            yield f"{owner}{ast.unparse(node.target)}", node.annotation


def test_no_public_function_asks_for_a_path_alone():
    packages = [place.parent for place in ROOT.glob("*/__init__.py")]
    files = [*ROOT.glob("*.py"), *(file for folder in packages for file in folder.rglob("*.py"))]
    assert len(files) > 50
    asked = [
        f"{file.relative_to(ROOT)}: {name}"
        for file in files
        for name, annotation in parameters(ast.parse(file.read_text(encoding="utf-8")))
        if annotation and narrow(annotation) and name not in RECORDS | SETTINGS
    ]
    assert not asked


@pytest.mark.parametrize("source", ["Path", "Path | None", "Mapping[str, Path]", "Path | int"])
def test_a_narrow_annotation_is_seen(source):
    assert narrow(ast.parse(source).body[0].value)
    wide = source.replace("Path", "AnyPath"), source.replace("Path", "str | Path")
    assert not any(narrow(ast.parse(text).body[0].value) for text in wide)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    root = tmp_path_factory.mktemp("drawn")
    settings = {"num_train": 1, "num_test": 1, "size": 64, "seed": 0, "num_workers": 1}
    generate(str(root / "Datasets"), **settings, kinds=["bust"], alone=True)
    return root


@pytest.mark.parametrize("kind", [str, Path])
def test_pictures(tmp_path, kind):
    photo = np.arange(0, 240, 5, dtype=np.uint8).reshape(4, 4, 3)
    write_image(kind(tmp_path / "image" / "a.png"), photo)
    write_image(kind(tmp_path / "alpha" / "a.png"), photo[..., 0])
    write_image(kind(tmp_path / "rgba.png"), np.dstack([photo, photo[..., 0]]))
    path = kind(tmp_path / "image" / "a.png")
    assert (read_photo(path) == photo).all()
    assert (read_alpha(kind(tmp_path / "alpha" / "a.png")) == photo[..., 0]).all()
    assert read_rgba(kind(tmp_path / "rgba.png")).shape == (4, 4, 4)
    assert read_size(path) == (4, 4)
    assert read_metadata(path) == Metadata()
    assert (read_prediction(kind(tmp_path / "alpha" / "a.png")) == photo[..., 0]).all()
    with pytest.raises(MissingError, match=r"no file .*none\.png"):
        read_photo(kind(tmp_path / "none.png"))

    folders = {layer: kind(tmp_path / layer) for layer in ("image", "alpha")}
    assert list_images(folders["image"]) == {"a": Path(path)}
    assert list_images(kind(tmp_path / "none"), empty=True) == {}
    assert pair_by_stem(folders)["a"]["image"] == Path(path)
    assert inspect_folders("two", folders, num_workers=1) == []
    assert open_folder(folders["alpha"])[0]["predictions"] == str(folders["alpha"])
    assert TestPortraits([kind(tmp_path)]).names == ["a"]

    dataset = PortraitDataset(kind(tmp_path))
    dataset.solve()
    assert dataset[0].foreground.shape == (4, 4, 3)
    with pytest.raises(InputError, match="is there already"):
        keep_existing(path, overwrite=False)
    with atomic_path(kind(tmp_path / "new" / "text")) as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "new" / "text").read_text() == "whole"
    for place, message in (
        ("new", "new is a folder"),
        ("new/text/a", "new/text can't be made, for a file is in its place; move it"),
    ):
        with pytest.raises(InputError, match=message), atomic_path(kind(tmp_path / place)):
            pass
        with pytest.raises(InputError, match=message):  # before any work is done
            keep_existing(kind(tmp_path / place), overwrite=True)


@pytest.mark.parametrize("kind", [str, Path])
def test_checkpoints(tmp_path, kind):
    model = build_model(CONFIGS["demo"])
    path = kind(tmp_path / "logger" / "0000000001.pth")
    save_checkpoint(path, model)
    assert load_model(path).config == model.config
    assert latest_checkpoint(kind(tmp_path)) == Path(path)
    assert load_predictor(path, device=None, precision="fp32")[1].startswith(str(path))
    assert len(file_hash(path)) == 64
    with pytest.raises(InputError, match="holds another run"):
        check_new(kind(tmp_path))
    with pytest.raises(InputError, match="holds no run"):
        read_arguments(kind(tmp_path))
    with pytest.raises(MissingError, match=r"none\.pth is not there"):
        load_model(kind(tmp_path / "none.pth"))
    with pytest.raises(MissingError, match=r"none\.bin is not there"):
        model.coarse_network.backbone.load_imagenet(kind(tmp_path / "none.bin"))


@pytest.mark.parametrize("kind", [str, Path])
def test_data_sets(drawn, kind):
    root = kind(drawn / "Datasets")
    assert P3MDataset(root, "train")[0].foreground is not None
    assert P3MDataset(root, "P3M-500-P")[0].trimap is not None
    with pytest.raises(InputError, match="--resume keeps them"):
        solve_dataset(root)
    assert len(ppm.PPMDataset(root)) == len(photomatte.PhotoMatteDataset(root)) == 1


@pytest.mark.parametrize("package", [ppm, photomatte])
def test_trimaps_are_made_below_datasets_unless_told_otherwise(drawn, monkeypatch, package):
    monkeypatch.chdir(drawn)
    made = package.folders("Datasets")["trimap"] / "demo_00000.png"
    for arguments in ((), ("./Datasets",), (drawn / "Datasets",)):
        made.unlink()
        assert package.gen_dataset_trimaps(*arguments) == 1
        assert made.is_file()
    assert package.gen_dataset_trimaps(num_workers=1) == 0


@pytest.mark.parametrize("kind", [str, Path])
def test_results(tmp_path, kind):
    rows = [Row("a", dict.fromkeys(COLUMNS, 1.0))]
    path = kind(tmp_path / "results" / "a.csv")
    write_results(path, rows)
    assert read_results(path)["SAD"]["a"] == 1
    assert list(load_systems([path], None)) == ["a"]
    write_report(kind(tmp_path / "report.html"), "a", [], {})
    journal = kind(tmp_path / "new" / "a.jsonl")
    add_to_journal(journal, rows[0], {})
    assert read_journal(journal, {}) == {"a": rows[0]}
    write_tables(kind(tmp_path), "cpu", [], [{"height": 9}])
    assert (tmp_path / "profile.csv").read_text() == "device,height\ncpu,9\n"


@pytest.mark.parametrize("kind", [str, Path])
def test_videos(tmp_path, kind):
    pytest.importorskip("av", reason="PyAV is optional: requirements-video.txt")
    from utils.video.read import open_reader
    from utils.video.write import open_writer

    frame = np.full((64, 64, 3), 100, np.uint8)
    path = kind(tmp_path / "film.mp4")
    with open_writer(path, (64, 64), 3, Fraction(25), None) as writer:
        for number in range(3):
            writer.write(frame, Fraction(number, 25))
    with open_reader(path) as reader:
        assert len(list(reader)) == 3
    with open_writer(kind(tmp_path / "b.mp4"), (64, 64), 3, Fraction(25), path) as writer:
        writer.write(frame, Fraction(0))


@pytest.mark.parametrize("kind", [str, Path])
def test_jobs(tmp_path, kind):
    write_image(tmp_path / "photos" / "a.png", np.zeros((4, 4), np.uint8))
    output = kind(tmp_path / "mattes")
    kinds = choose_kinds(None, None, output)
    sources = find_sources(str(tmp_path), skip=output)
    jobs, errors = plan_jobs(sources, output, kinds)
    assert not errors
    assert jobs[0].outputs["alpha"] == tmp_path / "mattes" / "alpha" / "photos" / "a.png"
