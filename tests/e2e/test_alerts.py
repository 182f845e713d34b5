"""Alerts into a real platform: from a real Prometheus, and from many senders while the process is killed."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from steersman.services.operations.commands.drill.waiting import wait_until
from steersman.services.operations.commands.drill.watcher import TOKEN, Watcher

pytestmark = pytest.mark.slow

#: The machine is not watched: what is found here comes from alerts.
SETTINGS = "[telemetry.host]\nenabled = false\n"
SENDERS, ENOUGH = 6, 900


@contextmanager
def platform(folder: Path) -> Iterator[Watcher]:
    watcher = Watcher(folder, SETTINGS)
    try:
        watcher.start()
        yield watcher
    finally:
        watcher.kill()


class Sender(threading.Thread):
    """Posts one alert after the other over one connection, and remembers which were acknowledged."""

    def __init__(self, port: int, number: int, enough: threading.Event) -> None:
        super().__init__(daemon=True)
        self._port, self._number, self._enough = port, number, enough
        self.acknowledged: list[str] = []

    def run(self) -> None:
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        with suppress(OSError, http.client.HTTPException):
            while True:
                name = f"alert-{self._number}-{len(self.acknowledged)}"
                labels = {"alertname": name, "service": f"service-{self._number}"}
                connection.request("POST", "/api/v2/alerts", json.dumps([{"labels": labels}]), headers)
                answer = connection.getresponse()
                answer.read()
                assert answer.status == 200
                self.acknowledged.append(name)
                if len(self.acknowledged) * SENDERS >= ENOUGH:
                    self._enough.set()


def listed(watcher: Watcher) -> dict[str, str]:
    """Every alert that goes on, by name, and whether the loop has decided about it."""
    return {alert["labels"]["alertname"]: alert["status"]["state"] for alert in watcher.get("/api/v2/alerts")}


def test_no_acknowledged_alert_is_lost_by_a_kill_and_each_is_decided_upon(tmp_path: Path) -> None:
    """kill -9 under load: what was answered is there after the restart, and ends in a recorded decision."""
    enough = threading.Event()
    with platform(tmp_path) as watcher:
        senders = [Sender(watcher.port, number, enough) for number in range(SENDERS)]
        for sender in senders:
            sender.start()
        assert enough.wait(60)
        watcher.kill()
        for sender in senders:
            sender.join(20)
        acknowledged = {name for sender in senders for name in sender.acknowledged}
        assert len(acknowledged) > ENOUGH / 2
        watcher.start()
        assert acknowledged - set(listed(watcher)) == set()
        wait_until(lambda: set(listed(watcher).values()) == {"active"}, 60, "every alert is decided upon")
        assert acknowledged - set(found_by_alert(watcher)) == set()


def found_by_alert(watcher: Watcher) -> Iterator[str]:
    """The names of all findings that came from alerts, page by page."""
    query: dict[str, Any] = {"limit": 500}
    while True:
        page = watcher.get("/api/ops/anomalies", **query)
        yield from (one["signal"] for one in page["findings"] if one["source"] == "alert")
        if page["next"] is None:
            return
        query["cursor"] = page["next"]


@contextmanager
def prometheus(folder: Path, platform_port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A Prometheus whose rule fires as long as the file of its target says so."""
    rule = {"alert": "TargetDown", "expr": "up == 0", "labels": {"severity": "critical"},
            "annotations": {"summary": "{{ $labels.job }} does not answer"}}  # fmt: skip
    (folder / "rules.yml").write_text(json.dumps({"groups": [{"name": "g", "interval": "1s", "rules": [rule]}]}))
    sender = {"api_version": "v2", "static_configs": [{"targets": [f"127.0.0.1:{platform_port}"]}],
              "authorization": {"credentials": TOKEN}}  # fmt: skip
    jobs = [{"job_name": "checkout", "scrape_interval": "1s", "file_sd_configs": [
        {"files": [str(folder / "targets.json")], "refresh_interval": "1s"}]}]  # fmt: skip
    config = {"global": {"evaluation_interval": "1s"}, "rule_files": ["rules.yml"], "scrape_configs": jobs,
              "alerting": {"alertmanagers": [sender]}}  # fmt: skip
    (folder / "prometheus.yml").write_text(json.dumps(config))  # JSON is YAML
    process = subprocess.Popen(
        [
            str(shutil.which("prometheus")),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            "--web.listen-address=127.0.0.1:0",
            "--rules.alert.resend-delay=2s",
        ],
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


@pytest.mark.needs("prometheus")
def test_a_real_prometheus_alerts_into_the_loop_and_takes_it_back(tmp_path: Path) -> None:
    """What it fires is a finding about the job, and ends when Prometheus says that it is over."""
    targets = tmp_path / "targets.json"
    targets.write_text(json.dumps([{"targets": ["127.0.0.1:1"]}]))
    with platform(tmp_path / "platform") as watcher, prometheus(tmp_path, watcher.port):
        wait_until(lambda: listed(watcher) == {"TargetDown": "active"}, 30, "the alert is decided upon")
        (alert,) = watcher.get("/api/v2/alerts")
        (finding,) = watcher.get("/api/ops/anomalies", entity="service:checkout")["findings"]
        assert (finding["reason"], finding["severity"]) == ("checkout does not answer", "critical")
        assert (finding["aspect"], finding["key"]) == ("availability", f"alert:{alert['fingerprint']}")
        targets.write_text("[]")
        wait_until(lambda: listed(watcher) == {}, 30, "the alert is over")
        ended = "/api/ops/anomalies"
        wait_until(lambda: bool(watcher.get(ended, active="false")["findings"]), 10, "the finding has ended")
