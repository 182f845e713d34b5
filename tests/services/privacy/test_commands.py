"""What `steersman privacy ...` does to a person of a running platform, as an administrator types it."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from steersman.model.errors import Conflict, NotFound
from steersman.services.privacy.commands import persons
from steersman.services.telemetry.commands.bench.systems import STEERSMAN, TOKEN, System

NAME, EMAIL = "ottoline.greengage", "ottoline@greengage.example"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """The address of a platform that knows one person."""
    with System(STEERSMAN) as running:
        address = f"http://127.0.0.1:{running.port}"
        body = {"name": NAME, "email": EMAIL, "password": "four ordinary words, said twice", "roles": ["viewer"]}
        headers = {"authorization": f"Bearer {TOKEN}"}
        httpx.post(f"{address}/api/identity/users", json=body, headers=headers, trust_env=False).raise_for_status()
        yield address


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEERSMAN_BOOTSTRAP_TOKEN", TOKEN)


@pytest.mark.requirement("GDPR-30")
def test_the_record_says_for_each_kind_whether_it_is_erased(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    persons.record(url)
    told = capsys.readouterr().out
    assert "privacy.account: Name, e-mail address" in told
    assert told.count("  purpose: ") == told.count("  kept: ") == told.count("  erasure: ") >= 2


@pytest.mark.requirement("GDPR-20")
def test_an_export_is_written_as_files_for_its_reader_alone(url: str, tmp_path: Path) -> None:
    target = tmp_path / "export.zip"
    persons.export(NAME, zip_file=target, url=url)
    assert target.stat().st_mode & 0o077 == 0
    with zipfile.ZipFile(target) as found:
        assert json.loads(found.read("privacy.account.json"))["account"]["email"] == EMAIL
    with pytest.raises(Conflict):
        persons.export(NAME, zip_file=target, url=url)


@pytest.mark.requirement("GDPR-18")
def test_a_hold_is_placed_listed_and_lifted(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    persons.hold(NAME, "a court asked", url=url)
    assert "is held: a court asked" in capsys.readouterr().out
    with pytest.raises(Conflict, match="a court asked"):
        persons.erase(NAME, "they asked", yes=True, url=url)
    persons.record(url)
    assert "under a legal hold, which stops erasure and time alike: 1" in capsys.readouterr().out
    persons.release(NAME, "closed", url=url)
    assert "nobody is under a legal hold" in capsys.readouterr().out


@pytest.mark.requirement("GDPR-15", "GDPR-17")
def test_somebody_is_exported_then_erased_and_then_unknown(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    persons.export(NAME, url=url)
    assert json.loads(capsys.readouterr().out)["data"]["privacy.account"]["account"]["email"] == EMAIL
    persons.erase(NAME, "they asked by letter", yes=True, url=url)
    told = capsys.readouterr().out
    assert "neither name nor address stands anywhere" in told
    persons.erasures(url)
    assert capsys.readouterr().out == told
    with pytest.raises(NotFound):
        persons.export(NAME, url=url)
