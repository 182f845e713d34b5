"""From settings and target files to the targets that are scraped, with the labels that Prometheus would give them.

Reads Prometheus's `file_sd` format (JSON or YAML). There is no relabelling: labels come from the job and from the
file, and the reserved ones that begin with two underscores set the scheme, path, parameters and times of a target.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from steersman.model.errors import InvalidInput
from steersman.model.labels import Labels, canonical
from steersman.services.telemetry.model import ScrapeJob

_RESERVED = "__"
_PARAM = "__param_"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HAS_PORT = re.compile(r"^(\[[^\]]+\]|[^:\[\]]+):\d+$")
_DURATION = re.compile(r"^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$")
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_DURATION_UNITS = (86_400.0, 3_600.0, 60.0, 1.0, 0.001)


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """Addresses that share labels, as one entry of a target file."""

    targets: tuple[str, ...]
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """One page to scrape. Two targets with equal values are the same target."""

    job: str
    url: str
    labels: Labels
    interval_seconds: float
    timeout_seconds: float

    @property
    def instance(self) -> str:
        return dict(self.labels).get("instance", self.url)


def parse_groups(text: str, *, yaml: bool) -> list[TargetGroup]:
    """Read a target file as a whole, or raise `InvalidInput` that says what is wrong with it."""
    content = _from_yaml(text) if yaml else _from_json(text)
    if content is None:
        return []
    if not isinstance(content, list):
        raise InvalidInput("a target file holds a list of groups")
    return [_group(entry) for entry in content]


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not JSON: {error}") from error


def _from_yaml(text: str) -> Any:
    # Only a platform that reads such a file pays for the parser.
    from yaml import YAMLError, safe_load

    try:
        return safe_load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        raise InvalidInput(f"not YAML: {error}") from error


def _group(entry: Any) -> TargetGroup:
    if not isinstance(entry, dict):
        raise InvalidInput("a group is a mapping with targets and labels")
    unknown = set(entry) - {"targets", "labels"}
    if unknown:
        raise InvalidInput(f"a group has no field {min(map(str, unknown))}")
    targets, labels = entry.get("targets") or [], entry.get("labels") or {}
    if not isinstance(targets, list) or not all(isinstance(target, str) for target in targets):
        raise InvalidInput("targets is a list of addresses")
    if not isinstance(labels, dict) or not all(isinstance(part, str) for pair in labels.items() for part in pair):
        raise InvalidInput("labels is a mapping of text to text")
    return TargetGroup(tuple(targets), tuple(sorted(labels.items())))


def targets_of(job: ScrapeJob, from_files: Sequence[TargetGroup] = ()) -> tuple[list[Target], list[str]]:
    """Return a job's targets, each once, and what is wrong with the addresses that were left out."""
    groups = [TargetGroup(job.targets), *from_files]
    targets: dict[Target, None] = {}
    errors = []
    for group in groups:
        for address in group.targets:
            try:
                targets[_target(job, address, dict(group.labels))] = None
            except InvalidInput as error:
                errors.append(f"{address}: {error.message}")
    return list(targets), errors


def _target(job: ScrapeJob, address: str, of_group: dict[str, str]) -> Target:
    """Merge labels as Prometheus does: those of the group win over the job's, which win over the settings."""
    labels = {"job": job.job} | job.labels | of_group
    scheme = labels.get("__scheme__") or job.scheme
    if scheme not in _DEFAULT_PORTS:
        raise InvalidInput(f"the scheme {scheme} is neither http nor https")
    place = _with_port(labels.get("__address__") or address, scheme)
    interval = _seconds(labels, "__scrape_interval__", job.interval_seconds)
    timeout = _seconds(labels, "__scrape_timeout__", min(job.timeout_seconds, interval))
    if timeout > interval:
        raise InvalidInput("the scrape timeout is longer than the interval")
    kept = {name: value for name, value in labels.items() if not name.startswith(_RESERVED)}
    return Target(
        job=job.job,
        url=f"{scheme}://{place}{_path(job, labels)}",
        labels=canonical({"instance": place} | {name: value for name, value in kept.items() if value}),
        interval_seconds=interval,
        timeout_seconds=timeout,
    )


def _with_port(address: str, scheme: str) -> str:
    if not address or re.search(r"[/?#@\s]", address):
        raise InvalidInput("not a valid host and port")
    if _HAS_PORT.match(address):
        return address
    if address.count(":") and not address.endswith("]"):
        raise InvalidInput("not a valid host and port; an IPv6 address needs brackets")
    return f"{address}:{_DEFAULT_PORTS[scheme]}"


def _path(job: ScrapeJob, labels: dict[str, str]) -> str:
    path = labels.get("__metrics_path__") or job.path
    params = {name: list(values) for name, values in job.params.items()}
    for name, value in labels.items():
        if name.startswith(_PARAM):
            # The label replaces the first value of a parameter, as in Prometheus.
            params[name.removeprefix(_PARAM)] = [value, *params.get(name.removeprefix(_PARAM), [])[1:]]
    query = "&".join(f"{_quoted(name)}={_quoted(value)}" for name in sorted(params) for value in params[name])
    return f"{path if path.startswith('/') else '/' + path}{'?' + query if query else ''}"


def _quoted(text: str) -> str:
    """Percent-encode all but the unreserved characters of RFC 3986."""
    return "".join(chr(byte) if chr(byte) in _UNRESERVED else f"%{byte:02X}" for byte in text.encode())


def _seconds(labels: dict[str, str], name: str, otherwise: float) -> float:
    """Read a Prometheus duration such as 1m30s."""
    text = labels.get(name)
    if not text:
        return otherwise
    match = _DURATION.match(text)
    seconds = sum(int(n or 0) * unit for n, unit in zip(match.groups(), _DURATION_UNITS, strict=True)) if match else 0.0
    if seconds <= 0:
        raise InvalidInput(f"{name} is not a duration: {text}")
    return seconds
