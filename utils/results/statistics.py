"""Mean, median, standard error and bootstrap interval of metrics over images."""

import numpy as np
import pandas as pd

RESAMPLES = 10_000
CONFIDENCE = 95  # per cent
SUMMARY = ("metric", "images", "mean", "median", "standard_error", "low", "high")


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """A row per metric with the columns SUMMARY; none if there is no image.

    The standard error is the mean's, 0 for a single image. `low` and `high` bound the 95 %
    interval of the mean, percentile bootstrap over images. The resamples are seeded, and shared
    by the metrics: equal values give equal intervals.

    Args:
        scores: a row per image, a column per metric.
    """
    n = len(scores)
    if not n:
        return pd.DataFrame(columns=SUMMARY)
    values = scores.to_numpy()
    drawn = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), RESAMPLES)  # times, each
    means = drawn @ values / n  # (resamples, metrics)
    tail = (100 - CONFIDENCE) / 2
    low, high = np.percentile(means, (tail, 100 - tail), axis=0)
    error = values.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else 0.0
    columns = scores.columns, n, values.mean(axis=0), np.median(values, axis=0), error, low, high
    return pd.DataFrame(dict(zip(SUMMARY, columns, strict=True)))
