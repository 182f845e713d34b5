"""The pure half of the telemetry store, handed to it by the composition root."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from steersman.engine.decode import remote_write
from steersman.engine.logs.tokens import tokenize
from steersman.engine.series.series_set import SeriesSet
from steersman.model.telemetry import Decoded, WireFormat

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The module and the function that read each format. A decoder is imported when its first request comes.
_DECODERS = {
    WireFormat.REMOTE_WRITE_2: ("remote_write_v2", "decode"),
    WireFormat.OTLP_METRICS_PROTO: ("otlp_metrics", "decode_proto"),
    WireFormat.OTLP_METRICS_JSON: ("otlp_metrics", "decode_json"),
    WireFormat.OTLP_LOGS_PROTO: ("otlp_logs", "decode_proto"),
    WireFormat.OTLP_LOGS_JSON: ("otlp_logs", "decode_json"),
    WireFormat.OTLP_TRACES_PROTO: ("otlp_traces", "decode_proto"),
    WireFormat.OTLP_TRACES_JSON: ("otlp_traces", "decode_json"),
    WireFormat.LOKI_PROTO: ("loki", "decode_proto"),
    WireFormat.LOKI_JSON: ("loki", "decode_json"),
    WireFormat.EXPOSITION: ("exposition", "decode"),
    WireFormat.SYSLOG: ("syslog", "decode"),
    WireFormat.READINGS: ("readings", "decode"),
    WireFormat.LOG_COLUMNS: ("log_columns", "decode"),
}


class StoredSeries(SeriesSet):
    """A set of series that remote write 1.0 is decoded against."""

    def __init__(self) -> None:
        super().__init__()
        self._scratch = remote_write.Scratch()

    def scan_remote_write(self, body: bytes, scope: int) -> remote_write.Scan:
        """Decode one request; nothing is added. From one thread at a time."""
        return remote_write.scan(body, self, scope, self._scratch)


class TelemetryEngine:
    """Decoders, series sets and the tokeniser, as the store's `Engine` port asks for them."""

    tokenizer = "steersman.engine.logs.tokens:tokenize"

    def __init__(self) -> None:
        self._decoders: dict[WireFormat, Callable[[bytes, int], Decoded]] = {}

    def new_series_set(self) -> StoredSeries:
        """Return an empty set of series."""
        return StoredSeries()

    def decode(self, kind: WireFormat) -> Callable[[bytes, int], Decoded]:
        """Return the decoder of any other format."""
        if kind not in self._decoders:
            module, name = _DECODERS[kind]
            self._decoders[kind] = getattr(import_module(f"steersman.engine.decode.{module}"), name)
        return self._decoders[kind]

    def tokenize(
        self, data: NDArray[np.uint8], offsets: NDArray[np.int64]
    ) -> tuple[NDArray[np.uint64], NDArray[np.int32]]:
        """Return (hash, row) of every token of the texts `data[offsets[i]:offsets[i + 1]]`."""
        return tokenize(data, offsets)
