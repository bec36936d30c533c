"""The metrics agree with the published evaluation, and with slow loops over the formulas."""

import csv
import runpy
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from utils.errors import InputError
from utils.metrics import connectivity_error, largest_component, measure, to_unit

GOLDEN = Path(__file__).parent / "golden_metrics"
COLUMNS = {
    "sad": "SAD",
    "mse": "MSE",
    "mad": "MAD",
    "sad_unknown": "SAD_TRIMAP",
    "mse_unknown": "MSE_TRIMAP",
    "mad_unknown": "MAD_TRIMAP",
    "sad_foreground": "SAD_FG",
    "sad_background": "SAD_BG",
    "grad": "GRAD",
    "conn": "CONN",
}


def flat(value, dtype=float):
    return np.full((4, 5), value, dtype)


def trimap(value=128):
    return flat(value, np.uint8)


def test_published_values():
    cases = runpy.run_path(str(GOLDEN / "cases.py"))["cases"]
    with open(GOLDEN / "expected.csv", newline="") as file:
        expected = {row.pop("case"): row for row in csv.DictReader(file)}
    for name, pred, true, case_trimap in cases(seed=1):
        row = {COLUMNS[key]: float(value) for key, value in expected.pop(name).items()}
        assert measure(pred, true, case_trimap) == pytest.approx(row, rel=1e-6, abs=1e-9), name
    assert not expected


def test_perfect_alpha_scores_zero_and_keys_are_in_order():
    alpha = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)
    scores = measure(alpha, alpha, np.full_like(alpha, 128))
    assert list(scores) == list(COLUMNS.values())
    assert set(scores.values()) == {0.0}


def test_eight_bit_and_float_agree():
    rng = np.random.default_rng(0)
    pred, true = rng.integers(0, 256, (2, 20, 30), np.uint8)
    kinds = rng.choice(np.array([0, 128, 255], np.uint8), true.shape)
    assert measure(pred, true, kinds) == measure(pred / 255, true.astype(np.uint16) * 257, kinds)


@pytest.mark.parametrize("kind", [0, 255])
def test_region_without_pixels_scores_zero(kind):
    scores = measure(flat(0.25), flat(0.75), trimap(kind))
    assert scores["SAD_TRIMAP"] == scores["MSE_TRIMAP"] == scores["MAD_TRIMAP"] == 0
    assert scores["SAD_BG" if kind else "SAD_FG"] == 0
    assert scores["SAD_FG" if kind else "SAD_BG"] == pytest.approx(20 * 0.5 / 1000)


def slow_connectivity(pred, true):
    """The definition, with a flood fill of its own."""
    thresholds = np.arange(0, 1.1, 0.1)
    level = np.full(pred.shape, -1.0)
    for previous, threshold in pairwise(thresholds):
        mask = (pred >= threshold) & (true >= threshold)
        components, seen = [], np.zeros_like(mask)
        for start in zip(*np.nonzero(mask), strict=True):
            if seen[start]:
                continue
            component, stack = np.zeros_like(mask), [start]
            seen[start] = True
            while stack:
                y, x = stack.pop()
                component[y, x] = True
                for near in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
                    inside = 0 <= near[0] < mask.shape[0] and 0 <= near[1] < mask.shape[1]
                    if inside and mask[near] and not seen[near]:
                        seen[near] = True
                        stack.append(near)
            components.append(component)
        if components:
            largest = max(components, key=np.sum)  # the first of equal ones
            level[(level == -1) & ~largest] = previous
    level[level == -1] = 1
    phi = [1 - d * (d >= 0.15) for d in (pred - level, true - level)]
    return np.abs(phi[0] - phi[1]).sum() / 1000


@pytest.mark.parametrize("seed", range(8))
def test_connectivity_is_the_definition(seed):
    rng = np.random.default_rng(seed)
    pred, true = rng.choice(np.arange(0, 256, 51), (2, 14, 17)) / 255  # many ties, 153/255 too
    assert connectivity_error(pred, true) == pytest.approx(slow_connectivity(pred, true), rel=1e-12)


def test_without_any_component_connectivity_finds_nothing_wrong():
    """As the published code, see the case "empty" of golden_metrics: thresholds are passed over."""
    rng = np.random.default_rng(0)
    true = rng.integers(0, 256, (20, 30)) / 255
    left, right = true.copy(), true.copy()
    left[:, 15:] = right[:, :15] = 0.09
    for pred, alpha in ((true * 0, true), (true, true * 0), (left, right), (true * 0, true * 0)):
        assert connectivity_error(pred, alpha) == slow_connectivity(pred, alpha) == 0
    right = np.zeros_like(true)
    right[true.argmax() // 30, true.argmax() % 30] = true.max()
    assert connectivity_error(right, true) > 0.2  # worse, with one pixel more that is right


def test_a_trimap_changes_neither_connectivity_nor_gradient():
    pred, true = np.random.default_rng(0).integers(0, 256, (2, 20, 30), np.uint8)
    kinds = np.random.default_rng(1).choice(np.array([0, 128, 255], np.uint8), true.shape)
    unknown, mixed = (measure(pred, true, trimap) for trimap in (np.full_like(kinds, 128), kinds))
    assert unknown["CONN"] == mixed["CONN"] > 0
    assert unknown["GRAD"] == mixed["GRAD"] > 0
    assert [unknown[f"{name}_TRIMAP"] for name in ("SAD", "MSE", "MAD")] == pytest.approx(
        [unknown[name] for name in ("SAD", "MSE", "MAD")]
    )


def test_first_of_equal_components_wins():
    mask = np.array([[0, 0, 0, 1], [1, 1, 0, 1], [0, 0, 0, 0], [1, 1, 0, 1]], bool)
    expected = np.zeros_like(mask)
    expected[:2, 3] = True
    np.testing.assert_array_equal(largest_component(mask), expected)
    assert largest_component(np.zeros((3, 3), bool)) is None


def test_order_of_labels_does_not_matter(monkeypatch):
    """OpenCV promises none; here it counts backwards."""
    forwards = cv2.connectedComponents

    def backwards(*args, **kwargs):
        count, labels = forwards(*args, **kwargs)
        return count, np.where(labels > 0, count - labels, 0)

    monkeypatch.setattr(cv2, "connectedComponents", backwards)
    test_first_of_equal_components_wins()


def test_thresholds_are_float64s_own():
    """153/255 is below the threshold that np.arange calls 0.6, so its level is 0.5."""
    pred, true = flat(255, np.uint8), flat(255, np.uint8)
    pred[0] = 153
    conn = measure(pred, true, trimap())["CONN"]
    assert conn == pytest.approx(5 * 0.5 / 1000)  # phi is 1 for p (0.1 < 0.15), 0.5 for a


@pytest.mark.parametrize(
    ("pred", "true", "kinds", "message"),
    [
        (flat(0.5), np.zeros((4, 6)), trimap(), "4x5 but the true alpha is 4x6"),
        (flat(0.5), flat(0.5), np.full((5, 4), 128, np.uint8), "4x5 but the trimap is 5x4"),
        (flat(0.5), flat(0.5), trimap(127), "127"),
        (flat(np.nan), flat(0.5), trimap(), "the predicted alpha .* NaN or infinity at all pixels"),
        (flat(0.5), flat(2.0), trimap(), "the true alpha reaches from 2 to 2"),
        (flat(-0.1), flat(0.5), trimap(), "reaches from -0.1"),
        (np.zeros((4, 5, 3)), flat(0.5), trimap(), r"has shape \(4, 5, 3\)"),
        (flat(1, np.int64), flat(0.5), trimap(), "type int64"),
    ],
)
def test_what_cannot_be_measured_is_refused(pred, true, kinds, message):
    with pytest.raises(InputError, match=message):
        measure(pred, true, kinds)


def test_one_nan_is_refused():
    pred = flat(0.5)
    pred[1, 2] = np.nan
    with pytest.raises(InputError, match="at 1 of 20 pixels"):
        to_unit(pred, "x")
