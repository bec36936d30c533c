"""Mean, median, standard error and bootstrap interval of metrics over images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000
CONFIDENCE = 95  # per cent
SEED = 0


@dataclass(frozen=True)
class Summary:
    """One metric over the images of a test set.

    Attributes:
        mean, median: over images.
        standard_error: of the mean; 0 for a single image.
        low, high: 95 % interval of the mean, percentile bootstrap over images.
    """

    mean: float
    median: float
    standard_error: float
    low: float
    high: float


def summarise(values: np.ndarray) -> list[Summary]:
    """Summaries of several metrics over the same images.

    The resamples are seeded, and shared by the metrics: equal values give equal intervals.

    Args:
        values: (images, metrics) float, at least one image.
    """
    n = len(values)
    rng = np.random.default_rng(SEED)
    times_drawn = rng.multinomial(n, np.full(n, 1 / n), RESAMPLES)  # (resamples, images)
    means = times_drawn @ values / n  # (resamples, metrics)
    tail = (100 - CONFIDENCE) / 2
    low, high = np.percentile(means, (tail, 100 - tail), axis=0)
    error = values.std(axis=0, ddof=1) / np.sqrt(n) if n > 1 else np.zeros(values.shape[1])
    columns = (values.mean(axis=0), np.median(values, axis=0), error, low, high)
    return [Summary(*map(float, numbers)) for numbers in zip(*columns, strict=True)]
