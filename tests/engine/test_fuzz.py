"""270 broken inputs: each ends in one sentence that names the file, or in whole outputs."""

import io
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from engine.prediction.jobs import find_sources, is_video, plan_jobs
from engine.prediction.outputs import LayerMaker, read_background
from engine.prediction.photos import predict_photos
from utils.images import read_alpha, read_photo, read_rgba

PHOTOS, VIDEOS = 240, 30


def fake_predictor(photos, bits=None):
    reds = [photo[..., 0] for photo in photos]
    return [
        SimpleNamespace(alpha=red / np.float32(255), trimap=np.full_like(red, 128)) for red in reds
    ]


def photo_seeds():
    """Bytes of photos of every kind that is read, and their endings."""
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "maker"
    exif.get_ifd(0x8769)[0x829A] = 0.01
    deep = Image.fromarray(rng.integers(0, 2**16, (24, 32), np.uint16))
    palette = picture.convert("P")
    kinds = [
        (picture, ".jpg", {"exif": exif, "dpi": (300, 300)}),
        (picture, ".jpg", {"progressive": True, "icc_profile": bytes(200)}),
        (picture.convert("CMYK"), ".jpg", {}),
        (picture, ".png", {"exif": exif, "dpi": (72, 72)}),
        (picture.convert("RGBA"), ".png", {}),
        (palette, ".png", {"transparency": 3}),
        (deep, ".png", {}),
        (picture, ".webp", {"exif": exif}),
        (picture, ".tif", {"exif": exif}),
        (deep, ".tif", {"compression": "tiff_lzw"}),
        (picture, ".bmp", {}),
        (picture, ".gif", {}),
    ]
    for image, ending, options in kinds:
        content = io.BytesIO()
        image.save(content, Image.registered_extensions()[ending], **options)
        yield content.getvalue(), ending


def video_seeds(folder):
    from utils.video.write import open_writer

    for ending in (".mp4", ".webm"):
        with open_writer(folder / f"seed{ending}", (32, 48), 3, 25, None) as writer:
            for i in range(5):
                writer.write(np.full((32, 48, 3), 40 * i, np.uint8), i / 25)
        yield (folder / f"seed{ending}").read_bytes(), ending


def mutate(content, rng):
    """Damage a file in one of the ways in which files are damaged."""
    data = bytearray(content)
    place, length = int(rng.integers(len(data))), int(rng.integers(1, 64))
    match rng.integers(6):
        case 0:
            return bytes(data[:place])  # cut off
        case 1:
            for at in rng.integers(len(data), size=length // 4 + 1):
                data[at] = rng.integers(256)
        case 2:
            for at in rng.integers(min(64, len(data)), size=2):  # headers
                data[at] = rng.integers(256)
        case 3:
            data[place : place + length] = bytes(length)
        case 4:
            data[place:place] = data[place // 2 : place // 2 + length]
        case 5:
            del data[place : place + length]
    return bytes(data)


def fuzzed(folder, seeds, count):
    """Write `count` mutants of the seeds into the folder; returns the jobs for them."""
    rng = np.random.default_rng(1)
    (folder / "in").mkdir()
    seeds = list(seeds)
    for i in range(count):
        content, ending = seeds[i % len(seeds)]
        (folder / "in" / f"{i:03d}{ending}").write_bytes(mutate(content, rng))
    sources = find_sources(f"{folder}/in/*")
    assert len(sources) == count
    jobs, _ = plan_jobs(sources, folder / "out", ["alpha", "cutout"])
    return jobs


def check(outcomes, count):
    """Every outcome is an error that names its file, or outputs that are whole."""
    outcomes = list(outcomes)
    assert len(outcomes) == count
    for outcome in outcomes:
        outputs = outcome.job.outputs
        if outcome.error:
            assert str(outcome.job.source) in str(outcome.error)
            assert not any(path.exists() for path in outputs.values())
        elif is_video(outcome.job.source):
            assert all(path.stat().st_size for path in outputs.values())
        else:
            assert read_alpha(outputs["alpha"]).shape == read_rgba(outputs["cutout"]).shape[:2]
    return sum(outcome.error is not None for outcome in outcomes)


LAYERS = LayerMaker(["alpha", "cutout"], read_background("green"), solve=False)


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow tells of broken EXIF
def test_broken_photos(tmp_path, monkeypatch):
    small = partial(read_photo, max_pixels=200_000)
    monkeypatch.setattr("engine.prediction.photos.read_photo", small)
    jobs = fuzzed(tmp_path, photo_seeds(), PHOTOS)
    broken = check(predict_photos(jobs, fake_predictor, LAYERS), PHOTOS)
    assert PHOTOS // 5 < broken < PHOTOS
    assert not list(tmp_path.glob("out/*/.*"))


def test_broken_videos(tmp_path):
    pytest.importorskip("av", reason="PyAV is optional: requirements-video.txt")
    from engine.prediction.videos import predict_videos

    jobs = fuzzed(tmp_path, video_seeds(tmp_path), VIDEOS)
    assert 0 < check(predict_videos(jobs, fake_predictor, LAYERS, quiet=True), VIDEOS) < VIDEOS
    assert not list(tmp_path.glob("out/*/.*"))
