"""Weights from an owner's own failure records: logistic regression, and how well it told failures it had not seen.

Every fold is scaled and fitted without a look at what it is judged on, folds are blocks of rows in their order, or
whole groups such as machines, and a column that gives the answer away is found and left out by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Columns = NDArray[np.float64]

_RIDGE = 1.0
_STEPS = 50
_BINS = 10
#: A yes-or-no column that is followed by a failure this surely was written down after it.
_GIVEN_AWAY = 0.9
_LEAST_FAILURES = 10


@dataclass(frozen=True, slots=True)
class Fitted:
    """Weights per column in log-odds for one standard deviation, and the scaling that they belong to."""

    names: tuple[str, ...]
    weights: Columns
    intercept: float
    means: Columns
    spreads: Columns

    def probability(self, columns: Columns) -> Columns:
        """Return the probability of a failure for each row."""
        logits = (columns - self.means) / self.spreads @ self.weights + self.intercept
        return np.asarray(1.0 / (1.0 + np.exp(-np.clip(logits, -500.0, 500.0))))


@dataclass(frozen=True, slots=True)
class Judged:
    """How well unseen rows were told. `calibration` is the mean distance between what was said and what happened."""

    auc: float
    brier: float
    calibration: float
    macro_f1: float
    failures: int
    rows: int
    left_out: tuple[str, ...]


def leaks(names: Sequence[str], columns: Columns, failed: NDArray[np.bool_]) -> tuple[str, ...]:
    """Return the names of yes-or-no columns after which there nearly always was a failure."""
    found = []
    for at, name in enumerate(names):
        values = columns[:, at]
        yes = values == 1
        if np.isin(values, (0.0, 1.0)).all() and yes.any() and failed[yes].mean() >= _GIVEN_AWAY > failed.mean():
            found.append(name)
    return tuple(found)


def fit(names: Sequence[str], columns: Columns, failed: NDArray[np.bool_]) -> Fitted:
    """Fit by Newton's method with a small ridge; raises `ValueError` for too few failures."""
    if failed.sum() < _LEAST_FAILURES or (~failed).sum() < _LEAST_FAILURES:
        raise ValueError(f"there have to be {_LEAST_FAILURES} failures at least, and as many rows without one")
    means, spreads = columns.mean(axis=0), columns.std(axis=0)
    spreads = np.where(spreads > 0, spreads, 1.0)
    design = np.column_stack([np.ones(failed.size), (columns - means) / spreads])
    ridge = _RIDGE * np.eye(design.shape[1])
    ridge[0, 0] = 0.0
    weights = np.zeros(design.shape[1])
    for _ in range(_STEPS):
        likely = 1.0 / (1.0 + np.exp(-np.clip(design @ weights, -500.0, 500.0)))
        gradient = design.T @ (failed - likely) - ridge @ weights
        curvature = (design * (likely * (1.0 - likely))[:, None]).T @ design + ridge
        step = np.linalg.solve(curvature, gradient)
        weights += step
        if np.abs(step).max() < 1e-9:
            break
    return Fitted(tuple(names), weights[1:], float(weights[0]), means, spreads)


def back_test(
    names: Sequence[str],
    columns: Columns,
    failed: NDArray[np.bool_],
    groups: NDArray[np.int64] | None = None,
    folds: int = 5,
) -> tuple[Fitted, Judged]:
    """Return the fit on all rows, and how fits without each fold told that fold; raises `ValueError` as `fit` does."""
    given_away = leaks(names, columns, failed)
    kept = [at for at, name in enumerate(names) if name not in given_away]
    columns, names = columns[:, kept], [names[at] for at in kept]
    said, decided = np.empty(failed.size), np.zeros(failed.size, bool)
    for fold in _folds(failed.size, groups, folds):
        one = fit(names, columns[~fold], failed[~fold])
        said[fold] = one.probability(columns[fold])
        decided[fold] = said[fold] >= _threshold(one.probability(columns[~fold]), failed[~fold])
    judged = Judged(
        auc=auc(said, failed),
        brier=float(np.mean((said - failed) ** 2)),
        calibration=calibration(said, failed),
        macro_f1=(_f1(decided, failed) + _f1(~decided, ~failed)) / 2,
        failures=int(failed.sum()),
        rows=failed.size,
        left_out=given_away,
    )
    return fit(names, columns, failed), judged


def _folds(rows: int, groups: NDArray[np.int64] | None, folds: int) -> list[NDArray[np.bool_]]:
    """Return masks of blocks of rows, or of blocks of whole groups."""
    of = np.arange(rows) if groups is None else groups
    return [np.isin(of, part) for part in np.array_split(np.unique(of), folds)]


def _threshold(said: Columns, failed: NDArray[np.bool_]) -> float:
    """Return the probability above which to say "fails", chosen on what was fitted."""
    tried = np.quantile(said, np.linspace(0.5, 0.999, 60))
    return float(max(tried, key=lambda bound: _f1(said >= bound, failed)))


def _f1(told: NDArray[np.bool_], true: NDArray[np.bool_]) -> float:
    both = float(np.sum(told & true))
    return 2 * both / max(1.0, float(told.sum() + true.sum()))


def auc(said: Columns, failed: NDArray[np.bool_]) -> float:
    """Return the chance that a failure is ranked above a row without one (Mann and Whitney); ties count half."""
    _, place, counts = np.unique(said, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    yes, no = failed.sum(), (~failed).sum()
    return float((ranks[failed].sum() - yes * (yes + 1) / 2) / (yes * no))


def calibration(said: Columns, failed: NDArray[np.bool_]) -> float:
    """Return the expected calibration error over bins with equally many rows."""
    error = 0.0
    for part in np.array_split(np.argsort(said, kind="stable"), _BINS):
        error += part.size / said.size * abs(float(said[part].mean() - failed[part].mean()))
    return error
