"""Labels that are pairs of references into a table of strings, as keys: for all series of a request at once.

A pair of strings is encoded at its first use; the checks of names and their order are comparisons of columns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from steersman.model.errors import InvalidInput
from steersman.model.labels import METRIC_NAME, encode_labels


class _Pieces(dict[int, bytes]):
    """The encoded label for a pair of references, made at its first use. A pair is name * number of symbols + value."""

    def __init__(self, symbols: Sequence[str]) -> None:
        super().__init__()
        self._symbols = symbols

    def __missing__(self, pair: int) -> bytes:
        name_ref, value_ref = divmod(pair, len(self._symbols))
        name, value = self._symbols[name_ref], self._symbols[value_ref]
        if name == METRIC_NAME and not value:
            raise InvalidInput("a series has an empty metric name; every series needs a `__name__` label")
        # An empty value means "no such label".
        piece = encode_labels(((name, value),)) if value else b""
        self[pair] = piece
        return piece


def series_keys(symbols: Sequence[str], refs: Sequence[int], sizes: Sequence[int]) -> tuple[list[bytes], list[int]]:
    """Return each series' canonical key and the reference of its metric name.

    `refs` holds the references of all series in a row, `sizes` how many of them each series has. Names may come
    unsorted, which the specification forbids, but their order says nothing. Raises `InvalidInput` for anything else.
    """
    pairs_of = np.array(sizes, dtype=np.int64)
    if (pairs_of % 2).any():
        raise InvalidInput("labels_refs has an odd length; it holds pairs of name and value")
    pairs_of //= 2
    column = np.array(refs, dtype=np.int64)
    if column.size and column.max() >= len(symbols):
        raise InvalidInput(f"a reference points behind the {len(symbols)} symbols of the request")
    owners = np.repeat(np.arange(len(sizes)), pairs_of)
    names, values, metric_names = _sorted_by_name(symbols, owners, column[::2], column[1::2])
    if (np.bincount(owners[metric_names], minlength=len(sizes)) == 0).any():
        raise InvalidInput("a series has no `__name__` label")
    pieces = list(map(_Pieces(symbols).__getitem__, (names * len(symbols) + values).tolist()))
    ends = np.cumsum(pairs_of).tolist()
    keys = [b"".join(pieces[start:end]) for start, end in zip([0, *ends], ends, strict=False)]
    return keys, values[metric_names].tolist()


_Column = NDArray[np.int64]


def _sorted_by_name(
    symbols: Sequence[str], owners: _Column, names: _Column, values: _Column
) -> tuple[_Column, _Column, NDArray[np.bool_]]:
    """Return names and values sorted within each series, and where the names are `__name__`."""
    used, place = np.unique(names, return_inverse=True)
    texts = [symbols[ref] for ref in used.tolist()]
    if "" in texts:
        raise InvalidInput("a label has an empty name")
    rank = {text: number for number, text in enumerate(sorted(set(texts)))}
    ranks = np.array([rank[text] for text in texts], dtype=np.int64)[place]
    # One number that rises from label to label when series follow each other and names are sorted in each.
    steps = np.diff(owners * (len(rank) + 1) + ranks)
    if (steps <= 0).any():
        order = np.lexsort((ranks, owners))
        names, values, ranks = names[order], values[order], ranks[order]
        if ((np.diff(owners) == 0) & (np.diff(ranks) == 0)).any():
            raise InvalidInput("a label stands twice in one series")
    return names, values, ranks == rank.get(METRIC_NAME, -1)
