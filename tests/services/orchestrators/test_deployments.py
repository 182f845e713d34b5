"""Kubernetes deployments and pods, against an API server with the preconditions of the real one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steersman.model.errors import Conflict, Forbidden, NotFound, Permanent, Temporary

ORDERS = {"deployment": "orders"}
PATH = "/apis/apps/v1/namespaces/shop/deployments/orders"


@pytest.fixture
def deployments(hands: Callable[..., Any], cluster: Any) -> Any:
    cluster.put("orders", "orders:1")
    return hands(kubernetes={"api_server": cluster.url, "namespace": "shop", "deployments": ["orders*"]})


def _images(cluster: Any) -> list[str]:
    return [one["image"] for one in cluster.deployments["orders"]["spec"]["template"]["spec"]["containers"]]


def test_a_restart_names_what_it_was_decided_on(deployments: Any, cluster: Any) -> None:
    """uid, resourceVersion, kubectl's own annotation, and the key."""
    meta = dict(cluster.deployments["orders"]["metadata"])
    deployments.apply("deployment_restart", key="key-1", **ORDERS)
    (change,) = cluster.changes
    assert (change.method, change.path, change.query) == ("PATCH", PATH, {"fieldManager": "steersman"})
    assert change.headers["content-type"] == "application/strategic-merge-patch+json"
    assert change.body == {
        "metadata": {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]},
        "spec": {
            "template": {
                "metadata": {
                    "annotations": {
                        "kubectl.kubernetes.io/restartedAt": "2026-01-01T00:00:00Z",
                        "steersman.io/restarted-by": "key-1",
                    }
                }
            }
        },
    }


@pytest.mark.parametrize("action", ["deployment_restart", "deployment_scale", "deployment_rollback"])
def test_a_repeat_after_a_lost_answer_does_it_once(deployments: Any, cluster: Any, action: str) -> None:
    """The server did it, the platform was killed before it heard so, and the object tells."""
    cluster.deploy("orders", "orders:2")
    args = {**ORDERS, **({"replicas": 5} if action == "deployment_scale" else {})}
    prior = deployments.inspect(action, **args)
    cluster.lost.append((504, b"lost"))
    with pytest.raises(Temporary):
        deployments.apply(action, prior, **args)
    deployments.afresh().apply(action, prior, **args)
    assert len(cluster.changes) == 1


@pytest.mark.parametrize("action", ["deployment_restart", "deployment_scale", "deployment_rollback"])
def test_the_preview_is_checked_by_the_server_and_stored_nowhere(deployments: Any, cluster: Any, action: str) -> None:
    """The same request as the effect's, with dryRun=All."""
    cluster.deploy("orders", "orders:2")
    before = str(cluster.deployments)
    args = {**ORDERS, **({"replicas": 5} if action == "deployment_scale" else {})}
    assert deployments.preview(action, **args).changes["checked"] == "dryRun=All"
    (trial,) = [one for one in cluster.asked if one.method != "GET"]
    assert (trial.query["dryRun"], cluster.changes, str(cluster.deployments)) == ("All", [], before)
    deployments.apply(action, **args)
    assert (cluster.changes[0].path, cluster.changes[0].headers["content-type"]) == (
        trial.path,
        trial.headers["content-type"],
    )


def test_a_scale_goes_through_the_scale_subresource_and_back(deployments: Any, cluster: Any) -> None:
    """And is not taken back over somebody else's change."""
    args = {**ORDERS, "replicas": 3}
    result = deployments.apply("deployment_scale", **args)
    assert (cluster.changes[0].path, cluster.changes[0].body["spec"]) == (f"{PATH}/scale", {"replicas": 3})
    deployments.undo("deployment_scale", None, result, **args)
    assert cluster.deployments["orders"]["spec"]["replicas"] == 2
    result = deployments.apply("deployment_scale", key="k2", **args)
    cluster.deployments["orders"]["spec"]["replicas"] = 9
    with pytest.raises(Conflict, match="somebody scaled orders from 3 to 9"):
        deployments.undo("deployment_scale", None, result, **args)


def test_a_rollback_takes_the_template_before_and_rolls_forward_again(deployments: Any, cluster: Any) -> None:
    """As a whole and without the label of its replica set; another deployment's replica sets do not count."""
    cluster.deploy("orders", "orders:2")
    cluster.deploy("orders", "orders:3")
    stray = {**cluster.sets[0], "metadata": {**cluster.sets[0]["metadata"], "ownerReferences": [{"uid": "other"}]}}
    stray["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "2"}
    cluster.sets.append(stray)
    prior = deployments.inspect("deployment_rollback", **ORDERS)
    result = deployments.apply("deployment_rollback", prior, **ORDERS)
    assert _images(cluster) == ["orders:2"]
    assert "pod-template-hash" not in str(cluster.changes[0].body)
    deployments.undo("deployment_rollback", prior, result, **ORDERS)
    deployments.undo("deployment_rollback", prior, result, **ORDERS)
    assert (_images(cluster), len(cluster.changes)) == (["orders:3"], 2)


def test_a_second_rollback_does_not_lead_back_to_the_bad_one(deployments: Any, cluster: Any) -> None:
    """It goes further back, and at the end there is nothing to do; what was rolled forward again counts again."""
    cluster.deploy("orders", "orders:2")
    cluster.deploy("orders", "orders:3")
    deployments.apply("deployment_rollback", key="a", **ORDERS)
    result = deployments.apply("deployment_rollback", key="b", **ORDERS)
    assert _images(cluster) == ["orders:1"]
    with pytest.raises(NotFound, match="no earlier replica set"):
        deployments.inspect("deployment_rollback", **ORDERS)
    deployments.undo("deployment_rollback", None, result, **ORDERS)
    deployments.apply("deployment_rollback", key="c", **ORDERS)
    assert _images(cluster) == ["orders:1"]


def test_a_first_rollout_has_nothing_before_it(deployments: Any, cluster: Any) -> None:
    """Nothing to do, with the reason."""
    with pytest.raises(NotFound, match="no earlier replica set"):
        deployments.inspect("deployment_rollback", **ORDERS)
    assert cluster.changes == []


def test_what_changed_between_the_look_and_the_request_is_a_conflict(deployments: Any, cluster: Any) -> None:
    """The server refuses it; nothing is overwritten."""
    real = cluster.answer

    def meddled(asked: Any) -> Any:
        told = real(asked)
        if asked.method == "GET":
            told = (told[0], {**told[1], "metadata": dict(told[1]["metadata"])})
            cluster.deployments["orders"]["metadata"]["resourceVersion"] = "meddled"
        return told

    prior = deployments.inspect("deployment_restart", **ORDERS)
    cluster.answer = meddled
    with pytest.raises(Conflict, match="has been modified"):
        deployments.apply("deployment_restart", prior, **ORDERS)


def test_another_deployment_under_the_name_is_left_alone(deployments: Any, cluster: Any) -> None:
    """What was meant is gone."""
    prior = deployments.inspect("deployment_restart", **ORDERS)
    cluster.put("orders", "orders:1")
    for action, more in (
        ("deployment_restart", {}),
        ("deployment_scale", {"replicas": 4}),
        ("deployment_rollback", {}),
    ):
        with pytest.raises(NotFound, match="that was meant is gone"):
            deployments.apply(action, prior, **ORDERS, **more)
    del cluster.deployments["orders"]
    with pytest.raises(NotFound, match="not found"):
        deployments.apply("deployment_restart", prior, **ORDERS)


def test_a_pod_is_deleted_by_its_uid_and_only_where_another_one_follows(deployments: Any, cluster: Any) -> None:
    """A repeat finds it gone, or another one of its name, and is content."""
    cluster.put_pod("orders-5d4f-x1")
    uid = cluster.pods["orders-5d4f-x1"]["metadata"]["uid"]
    pod = {"pod": "orders-5d4f-x1"}
    assert deployments.preview("pod_delete", **pod).changes == {"uid": uid, "checked": "dryRun=All"}
    prior = deployments.inspect("pod_delete", **pod)
    deployments.apply("pod_delete", prior, **pod)
    assert cluster.changes[0].body["preconditions"] == {"uid": uid}
    assert deployments.afresh().apply("pod_delete", prior, **pod).state == "gone"
    cluster.put_pod("orders-5d4f-x1")
    assert deployments.afresh().apply("pod_delete", prior, **pod).state == "gone"
    assert (len(cluster.changes), list(cluster.pods)) == (1, ["orders-5d4f-x1"])
    cluster.put_pod("orders-5d4f-x2", owned=False)
    with pytest.raises(Permanent, match="no controller"):
        deployments.inspect("pod_delete", pod="orders-5d4f-x2")


def test_the_token_is_read_anew_and_a_wrong_one_is_a_persons_to_change(
    hands: Callable[..., Any], cluster: Any, tmp_path: Path
) -> None:
    """The kubelet renews it in its file."""
    cluster.put("orders", "orders:1")
    cluster.token = "first"
    token = tmp_path / "token"
    token.write_text("first\n")
    server = {"api_server": cluster.url, "namespace": "shop", "deployments": ["*"], "token_file": str(token)}
    one = hands(kubernetes=server)
    one.inspect("deployment_restart", **ORDERS)
    cluster.token = "second"
    with pytest.raises(Permanent, match="Unauthorized"):
        one.inspect("deployment_restart", **ORDERS)
    token.write_text("second\n")
    one.inspect("deployment_restart", **ORDERS)
    token.unlink()
    with pytest.raises(Permanent, match="cannot be read"):
        one.inspect("deployment_restart", **ORDERS)


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ((500, b'{"message": "etcd is away"}'), Temporary),
        ((429, b'{"message": "slow down"}'), Temporary),
        ((200, b'{"metadata": {"name": '), Temporary),
        ((403, b'{"message": "deployments is forbidden"}'), Permanent),
        (None, Temporary),
    ],
)
def test_slow_and_lying_servers_are_told_apart(
    hands: Callable[..., Any], cluster: Any, told: Any, kind: type[Exception]
) -> None:
    """By what the caller can do about it."""
    cluster.put("orders", "orders:1")
    server = {"api_server": cluster.url, "namespace": "shop", "deployments": ["*"]}
    one = hands(timeout_seconds=0.3, kubernetes=server)
    cluster.instead.append(told)
    with pytest.raises(kind):
        one.inspect("deployment_restart", **ORDERS)


def test_only_what_its_owner_named_is_touched(deployments: Any, cluster: Any) -> None:
    """Neither another deployment nor another one's pods."""
    with pytest.raises(Forbidden):
        deployments.inspect("deployment_restart", deployment="payments")
    with pytest.raises(Forbidden):
        deployments.inspect("pod_delete", pod="payments-5d4f-x1")
    assert cluster.asked == []
