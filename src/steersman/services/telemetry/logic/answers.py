"""The JSON of the Prometheus HTTP API, written without building an object per sample."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from steersman.engine.series.json_labels import labels_json
from steersman.engine.series.json_samples import pairs_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


def vector(keys: Sequence[bytes], time_ms: int, values: NDArray[np.float64]) -> str:
    """Return the data of an instant query: one value per series, at the time of the question."""
    pairs = pairs_json(np.full(values.size, time_ms), values, np.arange(values.size + 1))
    rows = (f'{{"metric":{labels},"value":{pair}}}' for labels, pair in zip(labels_json(keys), pairs, strict=True))
    return f'{{"resultType":"vector","result":[{",".join(rows)}]}}'


def matrix(
    keys: Sequence[bytes], offsets: NDArray[np.int64], times: NDArray[np.int64], values: NDArray[np.float64]
) -> str:
    """Return the data of a range; series `keys[i]` has the samples `offsets[i]:offsets[i + 1]`, and none if empty."""
    pairs = pairs_json(times, values, offsets)
    rows = (
        f'{{"metric":{labels},"values":[{samples}]}}'
        for labels, samples in zip(labels_json(keys), pairs, strict=True)
        if samples
    )
    return f'{{"resultType":"matrix","result":[{",".join(rows)}]}}'
