"""The report of a platform that runs: the command asks it over HTTP, and it is looked at from outside as well."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from steersman.model.errors import InvalidInput
from steersman.services.compliance.commands.report import Form, report
from steersman.services.compliance.store.probing import probed

pytestmark = pytest.mark.slow
STEERSMAN = Path(sys.executable).parent / "steersman"


def wait_until_ready(url: str) -> None:
    """Ask until it serves; each question waits for its answer, and after a minute the test fails."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):
                return
        except urllib.error.URLError:
            time.sleep(0.1)
    raise AssertionError("not ready after a minute")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    data = tmp_path_factory.mktemp("compliance") / "data"
    command = [STEERSMAN, "up", "--data", data, "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"(http://127\.0\.0\.1:\d+)", process.stdout.readline())
        assert found is not None
        wait_until_ready(found[1])
        yield found[1], data
        process.terminate()
        process.stdout.read()
        process.wait(60)


def told(running: tuple[str, Path], capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    url, data = running
    report(form=Form.JSON, url=url, data=data)
    return json.loads(capsys.readouterr().out)


@pytest.mark.requirement(
    "ASVS-3.4.2", "ASVS-3.4.6", "ASVS-4.1.1", "ASVS-13.4.1", "ASVS-13.4.3", "ASVS-13.4.4", "ASVS-13.4.5", "ASVS-14.3.2"
)
def test_nothing_is_failing_in_a_new_installation_and_every_answer_was_seen(running, capsys):
    """The looks cover CORS, framing, types, .git, listings, TRACE, documents, caching; all of them could be seen."""
    looked = {one["name"]: one["holds"] for one in told(running, capsys)["looked"]}
    assert looked
    assert [name for name, holds in looked.items() if holds is False] == []
    unseen = {name for name, holds in looked.items() if holds is None}
    assert unseen == {"hsts", "breached"}  # no TLS and no list of passwords in a new installation


@pytest.mark.requirement("GDPR-30")
def test_the_record_of_processing_comes_from_what_services_declare(running, capsys):
    record = told(running, capsys)["processing"]
    assert record
    assert all(one["purpose"] and one["basis"] and one["kept"] for one in record)


def test_a_platform_that_does_not_answer_is_not_called_sound(capsys):
    assert report(form=Form.TEXT, url="http://127.0.0.1:9") == 0
    text = capsys.readouterr().out
    assert text.startswith("No running platform was looked at")
    assert "seen in the running platform" not in text
    assert probed("http", "127.0.0.1", 9) == {}


def test_the_results_of_a_run_decide_what_counts(tmp_path, capsys):
    """An empty run shows nothing; a file that is none is refused."""
    (tmp_path / "junit.xml").write_text("<testsuites/>")
    report(form=Form.JSON, results=tmp_path / "junit.xml", url="http://127.0.0.1:9")
    assert "tests" not in json.loads(capsys.readouterr().out)["counts"]["asvs"]
    with pytest.raises(InvalidInput):
        report(results=tmp_path / "nothing.xml", url="http://127.0.0.1:9")
