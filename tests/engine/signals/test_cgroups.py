"""The names of units and containers in control groups."""

from __future__ import annotations

import pytest

from steersman.engine.signals.cgroups import owner_of, service_of

HEX = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("0::/system.slice/nginx.service\n", "nginx.service"),
        ("0::/system.slice/system-getty.slice/getty@tty1.service\n", "getty@tty1.service"),
        (f"0::/system.slice/docker-{HEX}.scope\n", "docker-0123456789ab"),
        (f"12:memory:/docker/{HEX}\n1:name=systemd:/docker/{HEX}\n", "container-0123456789ab"),
        (f"0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-{HEX}.scope\n", "cri-containerd-0123456789ab"),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", "user-1000.slice"),
        ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/sync.service\n", "sync.service"),
        ("0::/system.slice/nginx.service/workers\n", "nginx.service"),
        ("9:name=systemd:/system.slice/cron.service\n0::/\n", "cron.service"),
        ("0::/\n", ""),
        ("", ""),
    ],
)
def test_service_is_the_innermost_unit_or_container(path: str, service: str) -> None:
    """A login session is its user's, because sessions are numbered without end."""
    assert service_of(path) == service


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        ("0::/system.slice/postgresql@16-main.service\n", "service:postgresql@16-main"),
        (f"0::/system.slice/docker-{HEX}.scope\n", "container:docker-0123456789ab"),
        ("0::/user.slice/user-1000.slice/session-3.scope\n", None),
        ("0::/init.scope\n", None),
        ("0::/\n", None),
    ],
)
def test_a_unit_has_the_name_that_orchestrators_give_it(path: str, owner: str | None) -> None:
    """Whoever sits at a terminal is neither a service nor a container."""
    found = owner_of(path)
    assert (found.ref if found else None) == owner
