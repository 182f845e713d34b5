"""The shape of a reading, and the series that it belongs to.

A pass over a machine yields some hundred readings, nearly always of the same series as the pass before. Their
canonical label bytes are therefore made once and found again by name and labels.
"""

from __future__ import annotations

from collections.abc import Iterable

from steersman.model.labels import METRIC_NAME, canonical, encode_labels

Pairs = tuple[tuple[str, str], ...]

#: Metric name, the labels that tell its series apart on this machine, value.
Reading = tuple[str, Pairs, float]

#: Above this the table starts again; only churning devices and groups get there.
_MOST_KEYS = 20_000


class SeriesKeys:
    """Canonical label bytes of readings, with the labels that all of one source share."""

    def __init__(self, shared: dict[str, str]) -> None:
        self._shared = shared
        self._known: dict[tuple[str, Pairs], bytes] = {}

    def columns(self, readings: Iterable[Reading]) -> dict[bytes, float]:
        """Return value by series key; of two readings of one series the last one stays."""
        known = self._known
        out: dict[bytes, float] = {}
        for name, pairs, value in readings:
            identity = (name, pairs)
            key = known.get(identity)
            if key is None:
                key = self._add(identity)
            out[key] = value
        return out

    def _add(self, identity: tuple[str, Pairs]) -> bytes:
        name, pairs = identity
        if len(self._known) >= _MOST_KEYS:
            self._known.clear()
        key = encode_labels(canonical({**dict(pairs), **self._shared, METRIC_NAME: name}))
        self._known[identity] = key
        return key
