"""The manifests keep the restricted profile, and everything that breaks it is found."""

from __future__ import annotations

import copy
import re

import pytest


def good(script, root):
    pss = script("tools/pss.py")
    files = sorted((root / "deploy/kubernetes").glob("*.yaml"))
    return [one for file in files for one in pss.documents(file.read_text())]


def workload(objects):
    return next(one for one in objects if one["kind"] == "StatefulSet")["spec"]["template"]["spec"]


@pytest.mark.requirement("ASVS-13.2.2", "SOC2-CC6.1", "SOC2-CC6.6")
def test_the_manifests_keep_the_restricted_profile(script, root):
    assert script("tools/pss.py").faults(good(script, root)) == []


BREAKS = {
    "hostNetwork": lambda pod: pod.update(hostNetwork=True),
    "hostPID": lambda pod: pod.update(hostPID=True),
    "hostIPC": lambda pod: pod.update(hostIPC=True),
    "hostProcess": lambda pod: pod["securityContext"].update(windowsOptions={"hostProcess": True}),
    "sysctl": lambda pod: pod["securityContext"].update(sysctls=[{"name": "kernel.msgmax", "value": "1"}]),
    "hostPath": lambda pod: pod["volumes"].append({"name": "x", "hostPath": {"path": "/"}}),
    "automountServiceAccountToken": lambda pod: pod.pop("automountServiceAccountToken"),
    "privileged": lambda pod: own(pod).update(privileged=True),
    "allowPrivilegeEscalation": lambda pod: own(pod).pop("allowPrivilegeEscalation"),
    "not all dropped": lambda pod: own(pod).pop("capabilities"),
    "are added": lambda pod: own(pod)["capabilities"].update(add=["SYS_ADMIN"]),
    "runAsNonRoot": lambda pod: own(pod).update(runAsNonRoot=False),
    "is root": lambda pod: own(pod).update(runAsUser=0),
    "seccompProfile": lambda pod: own(pod).update(seccompProfile={"type": "Unconfined"}),
    "procMount": lambda pod: own(pod).update(procMount="Unmasked"),
    "AppArmor": lambda pod: own(pod).update(appArmorProfile={"type": "Unconfined"}),
    "seLinuxOptions": lambda pod: own(pod).update(seLinuxOptions={"type": "spc_t"}),
    "hostPort": lambda pod: pod["containers"][0].update(ports=[{"containerPort": 1, "hostPort": 1}]),
    "another host": lambda pod: pod["containers"][0].update(
        lifecycle={"preStop": {"httpGet": {"host": "h", "port": 1}}}
    ),
    "can be written": lambda pod: own(pod).update(readOnlyRootFilesystem=False),
    "no limits": lambda pod: pod["containers"][0]["resources"].pop("limits"),
    "no requests": lambda pod: pod["containers"][0]["resources"].pop("requests"),
    "no readinessProbe": lambda pod: pod["containers"][0].pop("readinessProbe"),
    "no livenessProbe": lambda pod: pod["containers"][0].pop("livenessProbe"),
    "by digest": lambda pod: pod["containers"][0].update(image="steersman:latest"),
}


def own(pod):
    return pod["containers"][0]["securityContext"]


@pytest.mark.parametrize("fault", sorted(BREAKS))
def test_each_violation_is_found_and_named(script, root, fault: str):
    objects = copy.deepcopy(good(script, root))
    BREAKS[fault](workload(objects))
    found = script("tools/pss.py").faults(objects)
    assert found
    assert all(fault in one for one in found)


def test_an_init_container_is_looked_at_too(script, root):
    objects = copy.deepcopy(good(script, root))
    workload(objects)["initContainers"] = [{"name": "x", "image": "y", "securityContext": {"privileged": True}}]
    assert any("container x: privileged" in one for one in script("tools/pss.py").faults(objects))


@pytest.mark.parametrize("wrap", ["Deployment", "Job", "CronJob", "Pod", "List"])
def test_a_pod_is_found_in_whatever_makes_it(script, wrap: str):
    pod = {"hostNetwork": True, "containers": []}
    job = {"template": {"spec": pod}}
    spec = {"Pod": pod, "CronJob": {"jobTemplate": {"spec": job}}}.get(wrap, job)
    made = {"kind": wrap, "metadata": {"name": "x"}, "spec": spec}
    text = made if wrap != "List" else {"kind": "List", "items": [{**made, "kind": "DaemonSet"}]}
    pss = script("tools/pss.py")
    assert any("hostNetwork" in one for one in pss.faults(pss.documents(pss.yaml.safe_dump(text))))


@pytest.mark.requirement("ASVS-13.2.4")
def test_without_a_policy_that_denies_everything_the_manifests_are_refused(script, root):
    pss, objects = script("tools/pss.py"), copy.deepcopy(good(script, root))
    policy = next(one for one in objects if one.get("metadata", {}).get("name") == "deny-all")
    policy["spec"]["egress"] = [{}]
    assert pss.faults(objects) == ["no NetworkPolicy denies what no other allows"]


def test_a_namespace_that_only_warns_is_found(script, root):
    objects = copy.deepcopy(good(script, root))
    del next(one for one in objects if one["kind"] == "Namespace")["metadata"]["labels"][
        "pod-security.kubernetes.io/enforce"
    ]
    assert script("tools/pss.py").faults(objects) == [
        "Namespace/steersman: pod-security.kubernetes.io/enforce is not restricted"
    ]


@pytest.mark.requirement("ASVS-15.2.3", "ASVS-13.4.1")
def test_the_image_takes_only_named_files_and_runs_as_nobody(root):
    """No `COPY .`: no .git, no tests and no samples get into it. The base and the user are checked as well."""
    text = (root / "deploy/Dockerfile").read_text()
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.MULTILINE)
    assert set(" ".join(copied).split()) == {"requirements.lock", "pyproject.toml", "README.md", "LICENSE", "src"}
    last = text.rsplit("FROM", 1)[1]
    assert "USER 10001:10001" in last
    assert "HEALTHCHECK" in last
    assert "ARG BASE\n" in text
    assert "@sha256:" in text


@pytest.mark.requirement("ASVS-13.2.2")
def test_the_unit_takes_every_right_away(root):
    lines = dict(
        line.split("=", 1) for line in (root / "deploy/steersman.service").read_text().splitlines() if "=" in line
    )
    assert lines["CapabilityBoundingSet"] == ""
    assert lines["ProtectSystem"] == "strict"
    for name in ("NoNewPrivileges", "DynamicUser", "PrivateDevices", "PrivateTmp", "RestrictNamespaces", "ProtectHome"):
        assert lines[name] == "yes"
