"""What every test shares: the components that a test may need, and the promise that CI skips nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from steersman.runtime.kernels import cache_folder

IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
ROOT = Path(__file__).parent.parent

# The kernels that `make kernels` compiled serve the tests too; otherwise every worker would compile its own.
os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_folder()))

# Two busy cores make any deadline a dice roll; a failure prints what repeats it.
settings.register_profile("steersman", deadline=None, print_blob=True)
settings.load_profile("steersman")


def _program(name: str) -> bool:
    return shutil.which(name) is not None


def _postgresql() -> bool:
    return _program("postgres") or any(Path("/usr/lib/postgresql").glob("*/bin/postgres"))


def _mounts() -> bool:
    """Whether a small disk can be made: by mkfs.ext4, and a process that may mount (Linux: CAP_SYS_ADMIN)."""
    if not _program("mkfs.ext4"):
        return False
    with tempfile.TemporaryDirectory() as folder:
        mounted = subprocess.run(["mount", "-t", "tmpfs", "none", folder], capture_output=True, check=False)
        if mounted.returncode == 0:
            subprocess.run(["umount", folder], check=True)
    return mounted.returncode == 0


def _namespaces() -> bool:
    return _program("unshare") and _program("ip") and os.geteuid() == 0


COMPONENTS = {
    "prometheus": lambda: _program("prometheus"),
    "promtool": lambda: _program("promtool"),
    "node_exporter": lambda: _program("prometheus-node-exporter"),
    "victoria-metrics": lambda: _program("victoria-metrics"),
    "postgresql": _postgresql,
    "chromium": lambda: _program("chromium"),
    "chromedriver": lambda: _program("chromedriver"),
    "curl": lambda: _program("curl"),
    "strace": lambda: _program("strace"),
    "network-namespaces": _namespaces,
    "mounts": _mounts,
    "faketime": lambda: _program("faketime"),
    "shared-data": (ROOT.parent / "shared" / "data").is_dir,
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip by name what a machine lacks; in CI a missing component is a failure."""
    for mark in item.iter_markers("needs"):
        for component in mark.args:
            if COMPONENTS[component]():
                continue
            if IN_CI:
                pytest.fail(f"this test needs {component}, and CI has to install it", pytrace=False)
            pytest.skip(f"{component} is not installed here")


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a CI run that skipped anything, however the test asked for it."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    skipped = [report for report in reporter.stats.get("skipped", []) if not hasattr(report, "wasxfail")]
    if IN_CI and skipped and session.exitstatus == pytest.ExitCode.OK:
        reporter.write_line(f"{len(skipped)} tests were skipped, and CI may skip none", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
