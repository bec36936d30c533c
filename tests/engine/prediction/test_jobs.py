from pathlib import Path

import pytest

from engine.prediction.jobs import Media, find_sources, leave_existing, plan_jobs
from utils.errors import InputError, MissingError


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


@pytest.fixture
def photos(tmp_path):
    for name in ("b.jpg", "a.PNG", "sub/c.jpeg", "sub/notes.txt", ".hidden.png", ".git/d.png"):
        touch(tmp_path / "photos" / name)
    return tmp_path / "photos"


def names(sources):
    return [source.relative.as_posix() for source in sources]


def test_folder_is_searched_recursively_without_hidden_files(photos):
    assert names(find_sources(str(photos))) == ["a.PNG", "b.jpg", "sub/c.jpeg"]


def test_what_is_passed_over_is_counted_in_one_line(photos, capsys):
    for name in ("sub/b.TXT", "film.mp4", "sub/list", "c.webp", "d.heic", "out/x.csv"):
        touch(photos / name)
    found = find_sources(str(photos), skip=photos / "out")
    assert names(found) == ["a.PNG", "b.jpg", "c.webp", "d.heic", "sub/c.jpeg"]
    line = f"passed over in {photos}: 2 .txt, 1 .mp4, 1 without an ending\n"
    assert capsys.readouterr().out == line
    assert len(find_sources(f"{photos}/**/*", skip=photos / "out")) == 6  # with the video
    line = f"passed over in {photos}/**/*: 2 .txt, 1 without an ending\n"
    assert capsys.readouterr().out == line
    find_sources(f"{photos}/*.webp")
    assert not capsys.readouterr().out


def test_a_photo_beside_one_of_another_kind_is_not_overwritten(photos, tmp_path):
    touch(photos / "b.webp")
    jobs, errors = plan_jobs(find_sources(str(photos)), tmp_path / "o", ["alpha"])
    assert [job.source.name for job in jobs] == ["a.PNG", "b.jpg", "c.jpeg"]
    assert len(errors) == 1
    assert "b.webp and" in str(errors[0]) and "would both be written" in str(errors[0])


def test_output_inside_the_input_is_no_input(photos):
    touch(photos / "out" / "alpha" / "a.png")
    assert names(find_sources(str(photos), skip=photos / "out")) == ["a.PNG", "b.jpg", "sub/c.jpeg"]


def test_output_into_the_input_folder_is_refused(photos):
    with pytest.raises(InputError, match="is the input folder"):
        find_sources(str(photos), skip=photos / "sub" / "..")


def test_glob_keeps_the_tree_below_its_fixed_part(photos):
    assert names(find_sources(f"{photos}/**/*.jp*g")) == ["b.jpg", "sub/c.jpeg"]
    assert names(find_sources(f"{photos}/s*/c.*")) == ["sub/c.jpeg"]


def test_list_of_paths(photos):
    lines = ["photos/b.jpg\n", "\n", f"{photos}/a.PNG\n", "photos/b.jpg\r\n", "./photos//b.jpg"]
    assert names(find_sources("-", lines)) == ["photos/b.jpg", str(photos / "a.PNG")[1:]]


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("nowhere", MissingError, "not there"),
        ("photos/sub/notes.txt", InputError, "ending"),
        ("photos/*.svg", MissingError, "no photo"),
        ("empty", MissingError, "no photo"),
    ],
)
def test_inputs_that_hold_no_photo(photos, monkeypatch, text, error, words):
    monkeypatch.chdir(photos.parent)
    Path("empty").mkdir()
    with pytest.raises(error, match=words):
        find_sources(text)


def test_outputs_keep_the_tree(photos, tmp_path):
    jobs, errors = plan_jobs(find_sources(str(photos)), tmp_path / "o", ["alpha", "cutout"])
    assert not errors
    assert jobs[2].outputs == {
        "alpha": tmp_path / "o/alpha/sub/c.png",
        "cutout": tmp_path / "o/cutout/sub/c.png",
    }


@pytest.mark.parametrize(
    ("relative", "words"),
    [
        ("../b.jpg", "leads out"),
        ("b.jpeg", "both be written"),
        (f"{'é' * 125}n.jpg", "too long; shorten it"),
    ],
)
def test_one_bad_path_does_not_stop_the_rest(tmp_path, relative, words):
    sources = [Media(Path("b.jpg"), Path("b.jpg")), Media(Path("x", relative), Path(relative))]
    jobs, errors = plan_jobs(sources, tmp_path, ["alpha"], "tiff")
    assert [job.source for job in jobs] == [Path("b.jpg")]
    assert len(errors) == 1 and words in str(errors[0]) and relative in str(errors[0])


def test_output_that_is_the_input(photos):
    source = Media(photos / "a.PNG", Path("a.PNG"))
    _, errors = plan_jobs([source], photos / "a.PNG", ["cutout"])
    assert "is the input itself" in str(errors[0])


def test_output_that_is_another_input(tmp_path):
    touch(tmp_path / "a.png")
    touch(tmp_path / "alpha/a.png")
    jobs, _ = plan_jobs(find_sources(str(tmp_path)), tmp_path, ["alpha"])
    with pytest.raises(InputError, match="is an input as well"):
        leave_existing(jobs, skip=False, overwrite=True)


def test_one_file_holds_one_kind_of_one_photo(photos, tmp_path):
    source = Media(photos / "b.jpg", Path("b.jpg"))
    (job,), _ = plan_jobs([source], tmp_path / "me.png", ["cutout"])
    assert job.outputs == {"cutout": tmp_path / "me.png"}
    with pytest.raises(InputError, match=r"for cutout and alpha of 1 input;.*one kind with"):
        plan_jobs([source], tmp_path / "me.png", ["cutout", "alpha"])
    _, errors = plan_jobs([source], tmp_path / "me.jpg", ["cutout"])
    assert "can't hold cutout" in str(errors[0])
    with pytest.raises(InputError, match="one file for cutout of 2 inputs; name a folder"):
        plan_jobs([source, source], tmp_path / "me.png", ["cutout"])


def test_nothing_is_overwritten_unasked(photos, tmp_path):
    jobs, _ = plan_jobs(find_sources(str(photos)), tmp_path / "o", ["alpha", "cutout"])
    for path in jobs[0].outputs.values():
        touch(path)
    touch(jobs[1].outputs["alpha"])  # half done: the rest is done
    with pytest.raises(InputError, match=r"3 outputs are there already.*a.png.*--skip_existing"):
        leave_existing(jobs, skip=False, overwrite=False)
    left = leave_existing(jobs, skip=True, overwrite=False)
    assert [job.source for job in left] == [job.source for job in jobs[1:]]
    assert list(left[0].outputs) == ["cutout"]
    assert left[1:] == jobs[2:]
    assert leave_existing(jobs, skip=False, overwrite=True) == jobs


def test_linked_folders_are_searched_once(photos, tmp_path):
    touch(tmp_path / "elsewhere" / "d.png")
    (photos / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "again").symlink_to(photos)
    assert names(find_sources(str(photos))) == ["a.PNG", "b.jpg", "link/d.png", "sub/c.jpeg"]


def test_a_link_that_leads_to_itself_does_not_end_the_run(photos, tmp_path):
    (photos / "loop.jpg").symlink_to("loop.jpg")
    for text in (str(photos), f"{photos}/*.jpg"):
        sources = find_sources(text, skip=tmp_path / "out")
        jobs, errors = plan_jobs(sources, tmp_path / "out", ["alpha"])
        assert photos / "loop.jpg" in [job.source for job in jobs] and not errors
        assert leave_existing(jobs, skip=False, overwrite=False) == jobs


def test_a_glob_leaves_the_outputs_out(photos):
    touch(photos / "out" / "alpha" / "e.png")
    found = find_sources(f"{photos}/**/*.[pP]*", skip=photos / "out")
    assert names(found) == ["a.PNG"]
