from fractions import Fraction

import numpy as np
import pytest

import predict
from tests.stand_ins import fake_predictor
from utils.errors import InputError, MissingError
from utils.images import read_photo, read_rgba, write_image


@pytest.fixture
def command(monkeypatch, tmp_path):
    """Run predict.py's main with these arguments, in tmp_path, with a network that is none."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(predict, "load_predictor", lambda *_, **__: (fake_predictor, "a fake"))

    def run(*arguments):
        monkeypatch.setattr("sys.argv", ["predict.py", *map(str, arguments)])
        return predict.main()

    return run


@pytest.fixture
def photo(tmp_path):
    picture = np.zeros((20, 30, 3), np.uint8)
    picture[5:15, 8:20] = (255, 100, 0)
    write_image(tmp_path / "photos" / "häuser 人.png", picture)
    return picture


def test_folder_to_alpha_and_cutout(command, photo, capsys):
    assert command("--input", "photos", "--output", "out", "--no_foreground") == 0
    cutout = read_rgba(predict.Path("out/cutout/häuser 人.png"))
    assert (cutout == np.dstack([photo, photo[..., 0]])).all()
    assert "a fake" in capsys.readouterr().out


def test_one_file_gets_a_composite_when_a_background_is_named(command, photo):
    arguments = ("--input", "photos/häuser 人.png", "--output", "me.jpg", "--background", "white")
    assert command(*arguments) == 0
    assert read_photo(predict.Path("me.jpg"))[0, 0].min() > 250
    with pytest.raises(InputError, match=r"me\.jpg"):
        command(*arguments)
    assert command(*arguments, "--overwrite") == 0


def test_bad_file_means_status_1(command, photo, capsys):
    predict.Path("photos/broken.jpg").write_text("hello")
    assert command("--input", "photos", "--output", "out") == 1
    seen = capsys.readouterr()
    assert "error: photos/broken.jpg" in seen.err and "1 written to out, 1 failed" in seen.out
    assert command("--input", "photos", "--output", "out", "--skip_existing") == 1
    assert "0 written to out, 1 failed, 1 there already" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--background", "red", "--write", "alpha"), "add composite"),
        (("--no_foreground", "--write", "foreground"), "drop one"),
        (("--batch_size", "0"), "0 is not a whole number from 1 to"),
        (("--bits", "16", "--format", "webp"), "no 16-bit"),
    ],
)
def test_options_that_contradict(command, photo, options, words):
    with pytest.raises(InputError, match=words):
        command("--input", "photos", "--output", "out", *options)


def test_missing_checkpoint_is_one_sentence(photo, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    arguments = ["--input", "photos", "--output", "out", "--checkpoint", "none.pth"]
    monkeypatch.setattr("sys.argv", ["predict.py", *arguments])
    with pytest.raises(MissingError, match=r"none\.pth"):
        predict.main()


def test_a_video_without_pyav_is_one_sentence_and_photos_go_on(command, photo, capsys, monkeypatch):
    monkeypatch.setattr("engine.prediction.jobs.have_pyav", lambda: False)
    predict.Path("photos/film.mp4").touch()
    assert command("--input", "photos/*", "--output", "out") == 1
    seen = capsys.readouterr()
    assert "film.mp4 is a video: pip install -r requirements-video.txt first" in seen.err
    assert "1 written to out, 1 failed" in seen.out


def test_video_to_files(command, tmp_path):
    av = pytest.importorskip("av", reason="PyAV is optional: requirements-video.txt")
    from utils.video.write import open_writer

    with open_writer(tmp_path / "film.mp4", (32, 48), 3, Fraction(10), None) as writer:
        for i in range(4):
            writer.write(np.full((32, 48, 3), 60 * i, np.uint8), Fraction(i, 10))
    arguments = ("--input", "film.mp4", "--no_foreground", "--smooth")
    assert command(*arguments, "--output", "out") == 0
    for name in ("out/alpha/film.mp4", "out/cutout/film.mov"):
        with av.open(name) as container:
            assert len(list(container.decode(video=0))) == 4
    assert command(*arguments, "--output", "green.webm", "--background", "green") == 0
