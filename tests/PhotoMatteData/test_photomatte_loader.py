import os

import cv2
import numpy as np
import pytest

from PhotoMatteData import pairing
from PhotoMatteData.data_loader import PhotoMatteDataset, gen_dataset_trimaps, main
from PhotoMatteData.pairing import pair_backgrounds, read_pairs, store_pairs
from utils.errors import InputError, MissingError
from utils.images import write_image
from utils.trimap import trimap_from_alpha


@pytest.fixture
def root(tmp_path):
    alpha = np.zeros((60, 80), np.uint8)
    cv2.circle(alpha, (40, 30), 20, 255, -1, cv2.LINE_AA)
    for i in range(4):
        cutout = np.dstack([np.full((60, 80, 3), 50 * i, np.uint8), alpha])
        write_image(tmp_path / f"PhotoMatte85/rgba_image/c{i}.png", cutout)
        scene = np.full((60, 80, 3), 10 * i, np.uint8)
        write_image(tmp_path / f"PhotoMatte85/background/s{i}.png", scene)
    return tmp_path


def pairs(root):
    lines = (root / "PhotoMatte85/pairs.csv").read_text().split()
    assert lines[0] == "rgba_image,background"
    return dict(line.split(",") for line in lines[1:])


def test_samples_are_composed_with_their_backgrounds(root):
    with pytest.raises(MissingError, match=r"make it: python -m PhotoMatteData\.data_loader"):
        PhotoMatteDataset(root)
    assert gen_dataset_trimaps(root, num_workers=1) == 4
    dataset = PhotoMatteDataset(root)
    assert dataset.names == ["c0", "c1", "c2", "c3"]
    sample = dataset[3]
    assert (sample.background == 30).all()
    assert (sample.image[sample.alpha == 255] == 150).all()
    assert (sample.image[sample.alpha == 0] == 30).all()
    assert np.array_equal(sample.trimap, trimap_from_alpha(sample.alpha, 30))


def test_seed_0_is_the_papers_pairing_and_others_shuffle(root):
    base = root / "PhotoMatte85"
    store_pairs(base, pair_backgrounds(base))
    assert pairs(root) == {f"c{i}.png": f"background/s{i}.png" for i in range(4)}
    (base / "pairs.csv").unlink()
    store_pairs(base, pair_backgrounds(base, seed=3))
    shuffled = pairs(root)
    assert sorted(shuffled.values()) == [f"background/s{i}.png" for i in range(4)]
    assert list(shuffled.values()) != sorted(shuffled.values())
    with pytest.raises(InputError, match=r"pairs\.csv is there already; remove it"):
        store_pairs(base, pair_backgrounds(base, seed=4))


def test_a_pairing_of_names_that_are_not_utf_8_and_one_saved_by_excel(root):
    base = root / "PhotoMatte85"
    (base / "background/s0.png").rename(base / os.fsdecode(b"background/caf\xe9.png"))
    rule = pair_backgrounds(base)
    path = store_pairs(base, rule)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_pairs(base) == rule


def test_a_stored_pairing_outlives_new_backgrounds(root):
    gen_dataset_trimaps(root, num_workers=1)
    before = PhotoMatteDataset(root).backgrounds
    write_image(root / "PhotoMatte85/background/a_first_one.png", np.zeros((9, 9, 3), np.uint8))
    assert PhotoMatteDataset(root).backgrounds == before


def test_few_backgrounds_from_elsewhere_are_used_in_turn(root, tmp_path, monkeypatch):
    write_image(tmp_path / "else/x.png", np.full((20, 20, 3), 9, np.uint8))
    gen_dataset_trimaps(root, num_workers=1)
    monkeypatch.setattr(
        "sys.argv",
        f"data_loader --pair --backgrounds {tmp_path}/else --data_root {root}".split(),
    )
    assert main() == 0
    dataset = PhotoMatteDataset(root)
    assert (dataset[2].image[0] == 9).all()
    (tmp_path / "else/x.png").unlink()
    with pytest.raises(MissingError, match=r"pairs\.csv names .*x\.png, which is no file"):
        PhotoMatteDataset(root)


def test_wrong_pairings_are_refused(root):
    gen_dataset_trimaps(root, num_workers=1)
    table = root / "PhotoMatte85/pairs.csv"
    table.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match=r"columns \['a', 'b'\]; expected"):
        PhotoMatteDataset(root)
    table.write_text("rgba_image,background\nc0.png,background/s0.png\n")
    with pytest.raises(InputError, match=r"names no background for c1\.png"):
        PhotoMatteDataset(root)
    table.write_text("rgba_image,background\nc0.png,background/s0.png\nc1.png\n")
    with pytest.raises(InputError, match=r"pairs\.csv, line 3: expected two file names"):
        PhotoMatteDataset(root)


def test_a_cut_out_without_alpha_is_named(root):
    path = root / "PhotoMatte85/rgba_image/c1.png"
    gen_dataset_trimaps(root, num_workers=1)
    write_image(path, np.zeros((60, 80, 3), np.uint8))
    with pytest.raises(InputError, match=r"c1\.png has no alpha channel"):
        PhotoMatteDataset(root)[1]


def test_a_pairing_that_cannot_be_stored_is_used_all_the_same(root, monkeypatch, capsys):
    gen_dataset_trimaps(root, num_workers=1)

    def refuse(base, pairs):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("PhotoMatteData.pairing.store_pairs", refuse)
    assert (PhotoMatteDataset(root)[2].background == 20).all()
    assert "Read-only" in capsys.readouterr().err
    assert not (root / "PhotoMatte85/pairs.csv").exists()


def test_a_pairing_that_another_process_stores_meanwhile_is_taken(root, monkeypatch):
    base = root / "PhotoMatte85"
    other = pair_backgrounds(base, seed=3)

    def late(_):
        store_pairs(base, other)
        return {}

    monkeypatch.setattr(pairing, "pair_backgrounds", late)
    found = pairing.read_or_store_pairs(base)
    assert {stem: path.name for stem, path in found.items()} == {
        stem: path.name for stem, path in other.items()
    }


def check(root, monkeypatch, *flags):
    argv = ["data_loader", "--check", "--num_workers", "1", "--data_root", str(root), *flags]
    monkeypatch.setattr("sys.argv", argv)
    return main()


def test_check_passes_and_names_what_is_wrong(root, monkeypatch, capsys):
    assert check(root, monkeypatch, "--gen_trimaps") == 0
    said = capsys.readouterr().out
    assert "4 cutout, 4 trimap; 4 complete; height x width 60x80 to 60x80" in said
    assert "backgrounds; 4 complete" in said
    base = root / "PhotoMatte85"
    write_image(base / "rgba_image/c1.png", np.full((60, 80, 4), 255, np.uint8))
    write_image(base / "rgba_image/c2.png", np.zeros((60, 80, 3), np.uint8))
    (base / "background/s3.png").write_bytes(b"")
    assert check(root, monkeypatch) == 1
    said = capsys.readouterr().out
    assert "c1.png: the alpha is not soft" in said
    assert "c2.png has no alpha channel" in said
    assert "s3.png is empty" in said
    assert said.endswith("3 faults found\n")


def test_flags_that_do_nothing_are_refused(root, monkeypatch):
    said = {"nothing to do: give --pair": [], "belong to --pair": ["--check", "--seed", "3"]}
    for words, flags in said.items():
        monkeypatch.setattr("sys.argv", ["data_loader", *flags])
        with pytest.raises(InputError, match=words):
            main()
