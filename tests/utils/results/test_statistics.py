"""Summaries agree with their definitions; intervals are repeatable and cover the truth."""

import numpy as np
import pandas as pd
import pytest

from utils.results.statistics import summarise


def test_summary_is_its_definition():
    values = np.random.default_rng(0).gamma(2, 3, (50, 2))
    summaries = summarise(pd.DataFrame(values, columns=["a", "b"]))
    assert list(summaries.metric) == ["a", "b"]
    assert list(summaries.images) == [50, 50]
    summary = summaries.loc[1]
    column = values[:, 1]
    assert summary["mean"] == pytest.approx(column.mean())
    assert summary["median"] == np.median(column)
    assert summary.standard_error == pytest.approx(column.std(ddof=1) / 50**0.5)
    assert summary.low < summary["mean"] < summary.high
    # for a mean over many images the bootstrap is near the normal interval
    assert summary.high - summary.low == pytest.approx(3.92 * summary.standard_error, rel=0.1)
    assert summarise(pd.DataFrame(values, columns=["a", "b"])).equals(summaries)  # seeded


def test_one_image_has_no_spread():
    (summary,) = summarise(pd.DataFrame({"SAD": [3.0]})).itertuples()
    assert (summary.mean, summary.median, summary.standard_error) == (3, 3, 0)
    assert summary.low == summary.high == 3


def test_interval_covers_the_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    summaries = summarise(pd.DataFrame(rng.standard_normal((60, 300))))
    covered = ((summaries.low <= 0) & (summaries.high >= 0)).mean()
    assert 0.90 <= covered <= 0.98


def test_no_image_has_no_summary():
    assert summarise(pd.DataFrame(columns=["SAD"])).empty
