"""The columns of one OTLP metrics request while they grow, and the labels of its series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from steersman.engine.decode.bounds import NS_PER_MS, times_ms
from steersman.engine.decode.json_text import json_text
from steersman.engine.decode.otlp_names import label_name, plain_number
from steersman.engine.decode.otlp_values import SERVICE_NAME, attributes, json_value, text
from steersman.model.errors import InvalidInput
from steersman.model.labels import METRIC_NAME, Labels, canonical, encode_labels
from steersman.model.telemetry import Decoded, ExemplarColumns, MetricBatch, MetricMetadata, MetricType, Refusal

_IDENTIFYING = (SERVICE_NAME, "service.namespace", "service.instance.id")
_TARGET_INFO = MetricMetadata("target_info", MetricType.GAUGE, "Target metadata")

#: A label that one member of a family has beside those of its data point, such as `le`.
Extra = tuple[str, str]


@dataclass(slots=True)
class OtlpColumns:
    """What one request has filled so far. `refused` counts data points by the reason."""

    received_ms: int
    numbers: dict[bytes, int] = field(default_factory=dict)
    series: list[int] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    exemplars: ExemplarColumns = field(default_factory=ExemplarColumns)
    metadata: dict[str, MetricMetadata] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)

    def time_ms(self, time_ns: int) -> int:
        """Return a point's time; a point without one was taken now."""
        return time_ns // NS_PER_MS if time_ns else self.received_ms

    def add(self, key: bytes, time_ms: int, value: float) -> None:
        self.series.append(self.numbers.setdefault(key, len(self.numbers)))
        self.times.append(time_ms)
        self.values.append(value)

    def add_exemplar(self, key: bytes, exemplar: Exemplar, point_ms: int) -> None:
        labels = {name: _label_text(value) for name, value in attributes(exemplar.filtered_attributes).items()}
        if exemplar.trace_id:
            labels["trace_id"] = exemplar.trace_id.hex()
        if exemplar.span_id:
            labels["span_id"] = exemplar.span_id.hex()
        self.exemplars.key.append(key)
        self.exemplars.time_ms.append(exemplar.time_unix_nano // NS_PER_MS or point_ms)
        self.exemplars.value.append(number(exemplar))
        self.exemplars.labels.append(json_text(labels))

    def decoded(self) -> Decoded:
        times_ms(self.exemplars.time_ms)  # the same bounds as for samples
        batch = MetricBatch(
            keys=list(self.numbers),
            series=np.array(self.series, dtype=np.int32),
            times=times_ms(self.times),
            values=np.array(self.values, dtype=np.float64),
        )
        return Decoded(
            metrics=batch,
            metadata=tuple(self.metadata.values()),
            exemplars=self.exemplars if self.exemplars.key else None,
            refused=tuple(Refusal(count, reason) for reason, count in self.refused.items()),
        )


def number(exemplar: Exemplar) -> float:
    """Return the value of an exemplar, whichever of the two kinds it has."""
    return exemplar.as_double if exemplar.WhichOneof("value") == "as_double" else float(exemplar.as_int)


def point_labels(pairs: Iterable[KeyValue], target: Labels) -> Labels:
    """Return the labels of a data point: its attributes, then `job` and `instance`, which win.

    Attributes whose names become equal are joined with ";" in the order of their keys, as the compatibility
    document asks.
    """
    labels: dict[str, str] = {}
    for key, value in sorted([(pair.key, pair.value) for pair in pairs], key=_first):
        if not key:
            raise InvalidInput("an attribute has an empty key")
        name, content = label_name(key), _label_text(json_value(value))
        labels[name] = f"{labels[name]};{content}" if name in labels else content
    labels.update(target)
    return canonical(labels)


def _first(pair: tuple[str, object]) -> str:
    return pair[0]


def _label_text(value: object) -> str:
    return plain_number(value) if isinstance(value, float) else text(value)


# Series repeat from export to export, and joining labels is most of the work of a data point.
@lru_cache(maxsize=16384)
def series_key(name: str, labels: Labels, extra: Extra | None = None) -> bytes:
    """Return the canonical bytes of a series; the name and the extra label win over attributes of the same name."""
    merged = dict(labels)
    merged[METRIC_NAME] = name
    if extra:
        merged[extra[0]] = extra[1]
    return encode_labels(canonical(merged))


def target_labels(resource: Resource) -> Labels:
    """Return `job` (namespace/name) and `instance` of a resource, as far as it names them."""
    found = attributes(resource.attributes)
    name, namespace, instance = (text(found.get(key)) for key in _IDENTIFYING)
    job = f"{namespace}/{name}" if namespace and name else name
    return canonical({"job": job, "instance": instance})


def add_target_info(columns: OtlpColumns, resource: Resource, target: Labels, time_ms: int) -> None:
    """Add the series that carries a resource's other attributes, for queries to join with."""
    describing = [pair for pair in resource.attributes if pair.key not in _IDENTIFYING]
    if target and describing:
        columns.add(series_key("target_info", point_labels(describing, target)), time_ms, 1.0)
        columns.metadata[_TARGET_INFO.name] = _TARGET_INFO
