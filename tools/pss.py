"""Check Kubernetes manifests against the profile `restricted` of the Pod Security Standards, and for what goes with it.

Of the standard: no host namespaces, paths or ports, no privilege, capabilities dropped, not root, seccomp, only
harmless kinds of volumes. Ours beyond it: a read-only root, no token of the service account, limits, probes, images by
digest, and a NetworkPolicy that denies whatever no other allows.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
_SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
}
_SELINUX = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
_CALLS = ("httpGet", "tcpSocket")
Spec = Mapping[str, Any]


def documents(text: str) -> list[Spec]:
    """Return the objects of a file; a list of objects is taken apart."""
    found: list[Spec] = []
    for one in yaml.safe_load_all(text):
        if isinstance(one, dict):
            found += one["items"] if one.get("kind") == "List" else [one]
    return found


def pod_of(document: Spec) -> Spec | None:
    """Return the pod that an object makes, if it makes any."""
    spec = document.get("spec") or {}
    if document.get("kind") == "Pod":
        return spec
    if document.get("kind") == "CronJob":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    template = spec.get("template")
    return template.get("spec") or {} if isinstance(template, dict) else None


def faults_of_pod(pod: Spec) -> Iterator[str]:
    """Yield what is wrong with a pod as a whole and with its containers."""
    context = pod.get("securityContext") or {}
    yield from (f"{name} is shared with the machine" for name in ("hostNetwork", "hostPID", "hostIPC") if pod.get(name))
    if pod.get("automountServiceAccountToken") is not False:
        yield "automountServiceAccountToken is not false"
    if (context.get("windowsOptions") or {}).get("hostProcess"):
        yield "hostProcess runs on the machine"
    names = {one.get("name") for one in context.get("sysctls") or ()}
    yield from (f"sysctl {name} is not a safe one" for name in names - _SYSCTLS)
    for volume in pod.get("volumes") or ():
        kinds = set(volume) - {"name"} - _VOLUMES
        yield from (f"the volume {volume.get('name')} is of the kind {kind}" for kind in kinds)
    for group in ("containers", "initContainers", "ephemeralContainers"):
        for container in pod.get(group) or ():
            found = [fault for bad, fault in _forbidden(container, context) if bad]
            found += [*_wishes(container)] if group == "containers" else []
            yield from (f"container {container.get('name')}: {fault}" for fault in found)


def _forbidden(container: Spec, pod: Spec) -> list[tuple[object, str]]:
    """Return pairs of whether something is so, and its name. A container's own word outweighs that of its pod."""
    own = container.get("securityContext") or {}
    both = {**pod, **own}
    capabilities, selinux = own.get("capabilities") or {}, both.get("seLinuxOptions") or {}
    seccomp, apparmor = both.get("seccompProfile") or {}, both.get("appArmorProfile") or {}
    hooks = [hook.get(how) or {} for hook in (container.get("lifecycle") or {}).values() for how in _CALLS]
    return [
        (own.get("privileged"), "privileged"),
        (own.get("allowPrivilegeEscalation") is not False, "allowPrivilegeEscalation is not false"),
        ("ALL" not in (capabilities.get("drop") or ()), "capabilities are not all dropped"),
        (set(capabilities.get("add") or ()) - {"NET_BIND_SERVICE"}, "capabilities are added"),
        (both.get("runAsNonRoot") is not True, "runAsNonRoot is not true"),
        (both.get("runAsUser") == 0, "runAsUser is root"),
        (seccomp.get("type") not in {"RuntimeDefault", "Localhost"}, "seccompProfile is not RuntimeDefault"),
        (own.get("procMount", "Default") != "Default", "procMount is not Default"),
        (apparmor.get("type", "Localhost") not in {"RuntimeDefault", "Localhost"}, "AppArmor is unconfined"),
        (selinux.get("type", "") not in _SELINUX, "seLinuxOptions are widened"),
        (selinux.get("user") or selinux.get("role"), "seLinuxOptions are widened"),
        (any(port.get("hostPort") for port in container.get("ports") or ()), "a hostPort is taken"),
        (any(hook.get("host") for hook in hooks), "a hook names another host"),
    ]


def _wishes(container: Spec) -> Iterator[str]:
    own = container.get("securityContext") or {}
    if own.get("readOnlyRootFilesystem") is not True:
        yield "the root file system can be written"
    resources = container.get("resources") or {}
    for kind in ("requests", "limits"):
        if not {"cpu", "memory"} <= set(resources.get(kind) or ()):
            yield f"no {kind} of cpu and memory"
    for probe in ("readinessProbe", "livenessProbe"):
        if not container.get(probe):
            yield f"no {probe}"
    if "@sha256:" not in str(container.get("image", "")):
        yield "the image is not named by digest"


def faults(objects: Sequence[Spec]) -> list[str]:
    """Return everything that is wrong with a set of manifests that are applied together."""
    found: list[str] = []
    for one in objects:
        name = f"{one.get('kind')}/{(one.get('metadata') or {}).get('name')}"
        pod = pod_of(one)
        found += [f"{name}: {fault}" for fault in (faults_of_pod(pod) if pod is not None else ())]
        if one.get("kind") == "Namespace":
            found += [f"{name}: {fault}" for fault in _faults_of_namespace(one)]
        if one.get("kind") == "ServiceAccount" and one.get("automountServiceAccountToken") is not False:
            found.append(f"{name}: automountServiceAccountToken is not false")
    if any(pod_of(one) is not None for one in objects) and not any(_denies_all(one) for one in objects):
        found.append("no NetworkPolicy denies what no other allows")
    return found


def _faults_of_namespace(one: Spec) -> Iterator[str]:
    labels = (one.get("metadata") or {}).get("labels") or {}
    for mode in ("enforce", "audit", "warn"):
        if labels.get(f"pod-security.kubernetes.io/{mode}") != "restricted":
            yield f"pod-security.kubernetes.io/{mode} is not restricted"


def _denies_all(one: Spec) -> bool:
    spec = one.get("spec") or {}
    return (
        one.get("kind") == "NetworkPolicy"
        and spec.get("podSelector") == {}
        and set(spec.get("policyTypes") or ()) == {"Ingress", "Egress"}
        and not spec.get("ingress")
        and not spec.get("egress")
    )


def main() -> int:
    """Check all files of a folder together; ends with 1 when anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parent.parent / "deploy/kubernetes")
    folder = parser.parse_args().folder
    found = faults([one for file in sorted(folder.glob("*.yaml")) for one in documents(file.read_text("utf-8"))])
    for fault in found:
        print(fault, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
