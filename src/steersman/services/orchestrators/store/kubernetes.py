"""Speaks with a Kubernetes API server about one namespace.

Every change names the uid and the resourceVersion that it was decided on, so that the server refuses it where
somebody changed the object meanwhile. A trial is the same request with `dryRun=All`: all checks, nothing stored.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from steersman.model.errors import Permanent
from steersman.services.orchestrators.logic import ROLLED_BACK_FROM
from steersman.services.orchestrators.model import KubernetesSettings
from steersman.services.orchestrators.store.rest import Address, Reader, Writer

_MERGE = "application/strategic-merge-patch+json"
_JSON = "application/json-patch+json"
_TRIAL = {"dryRun": "All"}
_FIELD_MANAGER = {"fieldManager": "steersman"}


@dataclass(frozen=True, slots=True)
class KubernetesReader:
    """Asks and tries; what it sends never changes anything."""

    namespace: str
    reader: Reader

    def deployment(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.reader.get(self.path(name))
        return found

    def deployments(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.reader.get(f"/apis/apps/v1/namespaces/{self.namespace}/deployments")["items"]
        return found

    def replica_sets(self, deployment: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the replica sets that its selector finds; they may be another's."""
        labels = (deployment["spec"]["selector"].get("matchLabels") or {}).items()
        selector = ",".join(f"{name}={value}" for name, value in sorted(labels))
        path = f"/apis/apps/v1/namespaces/{self.namespace}/replicasets"
        found: list[dict[str, Any]] = self.reader.get(path, {"labelSelector": selector})["items"]
        return found

    def pod(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.reader.get(self.pod_path(name))
        return found

    def path(self, deployment: str) -> str:
        return f"/apis/apps/v1/namespaces/{self.namespace}/deployments/{quote(deployment, safe='')}"

    def pod_path(self, pod: str) -> str:
        return f"/api/v1/namespaces/{self.namespace}/pods/{quote(pod, safe='')}"

    def try_merge(self, path: str, seen: Mapping[str, Any], patch: Mapping[str, Any]) -> None:
        """Have the server check a patch without storing it."""
        _merge(Writer(self.reader), path, seen, patch, _TRIAL)

    def try_template(self, path: str, seen: Mapping[str, Any], template: Mapping[str, Any], left: str) -> None:
        _replace_template(Writer(self.reader), path, seen, _Rollout(template, left), _TRIAL)

    def try_delete(self, path: str, seen: Mapping[str, Any]) -> None:
        _delete(Writer(self.reader), path, seen, _TRIAL)


@dataclass(frozen=True, slots=True)
class KubernetesWriter:
    """Changes objects of the namespace."""

    reader: KubernetesReader

    def merge(self, path: str, seen: Mapping[str, Any], patch: Mapping[str, Any]) -> None:
        """Apply a strategic merge patch to the object as it was seen."""
        _merge(Writer(self.reader.reader), path, seen, patch, {})

    def replace_template(self, path: str, seen: Mapping[str, Any], template: Mapping[str, Any], left: str) -> None:
        """Give a deployment another pod template as a whole, and note which ones it was rolled back from."""
        _replace_template(Writer(self.reader.reader), path, seen, _Rollout(template, left), {})

    def delete(self, path: str, seen: Mapping[str, Any]) -> None:
        """Delete the object that was seen, and no other of its name."""
        _delete(Writer(self.reader.reader), path, seen, {})


def _merge(
    writer: Writer, path: str, seen: Mapping[str, Any], patch: Mapping[str, Any], trial: Mapping[str, str]
) -> None:
    identity = {name: seen["metadata"][name] for name in ("uid", "resourceVersion")}
    body = {**patch, "metadata": {**patch.get("metadata", {}), **identity}}
    writer.send("PATCH", path, body, params={**_FIELD_MANAGER, **trial}, headers={"Content-Type": _MERGE})


@dataclass(frozen=True, slots=True)
class _Rollout:
    """A pod template, and the note that goes with it."""

    template: Mapping[str, Any]
    left: str


def _replace_template(
    writer: Writer, path: str, seen: Mapping[str, Any], wanted: _Rollout, trial: Mapping[str, str]
) -> None:
    annotations = {**(seen["metadata"].get("annotations") or {}), ROLLED_BACK_FROM: wanted.left}
    body = [
        {"op": "replace", "path": "/metadata/uid", "value": seen["metadata"]["uid"]},
        {"op": "replace", "path": "/metadata/resourceVersion", "value": seen["metadata"]["resourceVersion"]},
        {"op": "replace", "path": "/spec/template", "value": wanted.template},
        {"op": "add", "path": "/metadata/annotations", "value": annotations},
    ]
    writer.send("PATCH", path, body, params={**_FIELD_MANAGER, **trial}, headers={"Content-Type": _JSON})


def _delete(writer: Writer, path: str, seen: Mapping[str, Any], trial: Mapping[str, str]) -> None:
    options = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": seen["metadata"]["uid"]}}
    writer.send("DELETE", path, options, params=trial)


def connected(settings: KubernetesSettings, timeout_seconds: float) -> KubernetesReader:
    """Return how to ask; nothing is opened yet."""
    address = Address(
        "the Kubernetes API server",
        settings.api_server,
        headers=partial(_authorization, settings.token_file),
        tls=partial(_trusted, settings.ca_file) if settings.api_server.startswith("https:") else None,
        timeout_seconds=timeout_seconds,
    )
    return KubernetesReader(settings.namespace, Reader(address))


def _authorization(token_file: str | None) -> Mapping[str, str]:
    if token_file is None:
        return {}
    try:
        return {"Authorization": f"Bearer {Path(token_file).read_text().strip()}"}
    except OSError as error:
        raise Permanent(f"the token in {token_file} cannot be read: {error.strerror}") from error


def _trusted(ca_file: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        raise Permanent(f"the certificates in {ca_file} cannot be read: {error}") from error
