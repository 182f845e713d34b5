"""The live series of a store: numbered, found by label bytes, selected by matchers."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self

import numpy as np

from steersman.engine.series.key_table import KeyTable, grown
from steersman.engine.series.label_index import LabelIndex
from steersman.engine.series.matching import matching_values
from steersman.model.labels import METRIC_NAME, Matcher, MatchOp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from steersman.model.ids import Tenant

#: Spellings beyond one for each series. A sender that shuffles its labels at random would otherwise fill the memory.
_MOST_SPELLINGS = 4096


class SeriesSet:
    """Series of all tenants, numbered from 0. A series' identity is its tenant and its canonical label bytes.

    A sender may spell the same label set in several ways: every spelling is a key, and leads to one series.
    Adding happens on one thread; selecting may happen on others at the same time.
    """

    def __init__(self) -> None:
        self.size = 0
        self.keys = KeyTable()
        self.series_of = np.empty(1024, np.int32)
        self.follows = np.empty(1024, np.int32)
        self.key_of = np.empty(1024, np.int32)
        self.tenants: list[Tenant] = []
        self._index = LabelIndex()
        self._selecting = threading.Lock()

    def scope(self, tenant: Tenant) -> int:
        """Return the tenant's number, giving it one at first sight."""
        try:
            return self.tenants.index(tenant)
        except ValueError:
            self.tenants.append(tenant)
            return len(self.tenants) - 1

    def find(self, scope: int, key: bytes) -> int:
        """Return the series of a key, or -1."""
        number = self.keys.find(key, scope)
        return int(self.series_of[number]) if number >= 0 else -1

    def add(self, scope: int, keys: Sequence[bytes]) -> NDArray[np.int32]:
        """Return the series of canonical keys, adding those that are new."""
        bounds = np.zeros(len(keys) + 1, np.int64)
        np.cumsum(np.fromiter(map(len, keys), np.int64, len(keys)), out=bounds[1:])
        return self.add_joined(scope, np.frombuffer(b"".join(keys), np.uint8), bounds)

    def add_joined(self, scope: int, data: NDArray[np.uint8], bounds: NDArray[np.int64]) -> NDArray[np.int32]:
        """Like `add`, for keys `data[bounds[i]:bounds[i + 1]]`."""
        before = self.keys.size
        numbers = self.keys.add_joined(data, bounds, scope)
        fresh = self._grow_keys(before)
        self.key_of = grown(self.key_of, self.size, self.size + fresh)
        self.key_of[self.size : self.size + fresh] = np.arange(before, before + fresh, dtype=np.int32)
        self.series_of[before : before + fresh] = np.arange(self.size, self.size + fresh, dtype=np.int32)
        self.size += fresh
        return self.series_of[numbers]

    def add_spelling(self, scope: int, spelling: bytes, series: int) -> None:
        """Let another spelling of a label set lead to its series, while there are not too many: it is only quicker."""
        before = self.keys.size
        if before - self.size > self.size + _MOST_SPELLINGS:
            return
        self.keys.add_many([spelling], scope)
        if self._grow_keys(before):
            self.series_of[before] = series

    def _grow_keys(self, before: int) -> int:
        size = self.keys.size
        self.series_of = grown(self.series_of, before, size)
        self.follows = grown(self.follows, before, size)
        self.follows[before:size] = -1
        return size - before

    def canonical(self, series: int) -> bytes:
        """Return the canonical label bytes of a series."""
        return self.keys.key(int(self.key_of[series]))

    def export(self, first: int, last: int) -> tuple[NDArray[np.int32], NDArray[np.int64], bytes]:
        """Return (scopes, lengths, joined canonical bytes) of series `first..last`."""
        numbers = self.key_of[first:last]
        lengths = self.keys.ends[numbers + 1] - self.keys.ends[numbers]
        return self.keys.scopes[numbers], lengths, b"".join(self.keys.key(int(number)) for number in numbers)

    def only(self, chosen: NDArray[np.int32]) -> Self:
        """Return a new set with just these series, numbered in the given order."""
        smaller = type(self)()
        smaller.tenants = list(self.tenants)
        scopes = self.keys.scopes[self.key_of[chosen]]
        # One run of equal scopes at a time keeps the order and needs one call for the usual single tenant.
        borders = np.flatnonzero(np.diff(scopes)) + 1
        for run in np.split(chosen, borders):
            if run.size:
                smaller.add(self.keys.scope(int(self.key_of[run[0]])), [self.canonical(int(one)) for one in run])
        return smaller

    def select(self, tenant: Tenant, matchers: Sequence[Matcher]) -> NDArray[np.int32]:
        """Return the tenant's series that fulfil all matchers, in rising order."""
        if tenant not in self.tenants:
            return np.empty(0, np.int32)
        with self._selecting:
            size = self._catch_up()
            chosen = self.keys.scopes[self.key_of[:size]] == self.scope(tenant)
            for matcher in matchers:
                chosen &= self._fulfilling(matcher, size)
            return np.flatnonzero(chosen).astype(np.int32)

    def catch_up(self) -> None:
        """Index the newest series now, so that the next question does not wait for it."""
        with self._selecting:
            self._catch_up()

    def _catch_up(self) -> int:
        size = self.size
        self._index.extend(self.keys, self.key_of, size)
        return size

    def _fulfilling(self, matcher: Matcher, size: int) -> NDArray[np.bool_]:
        """Return a mask over the series. A series without the label has the empty value, as in Prometheus."""
        mask = np.zeros(size, np.bool_)
        if matcher.op is MatchOp.EQUAL and matcher.value:
            pair = self._index.find(matcher.name, matcher.value)
            if pair >= 0:
                mask[self._index.series_with(pair)] = True
            return mask
        numbers = self._index.pairs_named(matcher.name)
        values = [self._index.pair(number)[1] for number in numbers]
        accepted = matching_values(matcher, ["", *values])
        for number, good in zip(numbers, accepted[1:], strict=True):
            if good != accepted[0]:
                mask[self._index.series_with(number)] = True
        # The mask holds the exceptions from what a series without the label gets.
        return ~mask if accepted[0] else mask

    def label_names(self, tenant: Tenant, matchers: Sequence[Matcher]) -> list[str]:
        """Return the sorted label names of the series that fulfil the matchers."""
        chosen = self.select(tenant, matchers)
        with self._selecting:
            return sorted({self._index.pair(int(number))[0] for number in self._index.pair_numbers(chosen)})

    def label_values(self, tenant: Tenant, name: str, matchers: Sequence[Matcher]) -> list[str]:
        """Return the sorted values of one label over the series that fulfil the matchers."""
        chosen = self.select(tenant, matchers)
        with self._selecting:
            if self.tenants == [tenant] and not matchers:
                return sorted(self._index.pair(number)[1] for number in self._index.pairs_named(name))
            named = np.array(self._index.pairs_named(name), np.int32)
            numbers = np.intersect1d(named, self._index.pair_numbers(chosen))
            return sorted(self._index.pair(int(number))[1] for number in numbers)

    def metric_names(self, tenant: Tenant) -> list[str]:
        """Return the sorted metric names of a tenant."""
        return self.label_values(tenant, METRIC_NAME, ())
