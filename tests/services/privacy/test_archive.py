"""The files of an export: the same names and bytes each time, readable by a spreadsheet, with a sum for each."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import zipfile
from typing import Any

import pytest

from steersman.services.privacy.logic.archive import archive

EXPORT: dict[str, Any] = {
    "format": "steersman person 1",
    "account": "a",
    "name": "张三丰",
    "exported_ms": 1,
    "sha256": "x",
    "data": {
        "privacy.sessions": [{"address": "192.0.2.1", "agent": "=1+1"}, {"address": "192.0.2.2", "seen_ms": 5}],
        "telemetry.records": {"logs": [{"body": "张三丰, twice", "attributes": {"k": 1}}], "complete": True},
        "other.nothing": [],
    },
}


def files() -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive(EXPORT))) as found:
        return {name: found.read(name) for name in found.namelist()}


@pytest.mark.requirement("GDPR-20")
def test_each_kind_is_a_file_and_each_table_one_more() -> None:
    assert set(files()) == {
        "about.json",
        "other.nothing.json",
        "privacy.sessions.json",
        "privacy.sessions.csv",
        "telemetry.records.json",
        "telemetry.records.logs.csv",
    }
    assert json.loads(files()["privacy.sessions.json"]) == EXPORT["data"]["privacy.sessions"]


def test_the_sums_are_those_of_the_files_and_two_archives_are_the_same() -> None:
    about = json.loads(files().pop("about.json"))
    assert about["name"] == "张三丰"
    assert about["files"] == {
        name: hashlib.sha256(content).hexdigest() for name, content in files().items() if name != "about.json"
    }
    assert archive(EXPORT) == archive(EXPORT)


def test_a_cell_is_never_a_formula_and_rows_may_have_other_columns() -> None:
    rows = list(csv.DictReader(io.StringIO(files()["privacy.sessions.csv"].decode())))
    assert rows == [
        {"address": "192.0.2.1", "agent": "'=1+1", "seen_ms": ""},
        {"address": "192.0.2.2", "agent": "", "seen_ms": "5"},
    ]
    (log,) = csv.DictReader(io.StringIO(files()["telemetry.records.logs.csv"].decode()))
    assert log == {"body": "张三丰, twice", "attributes": '{"k": 1}'}
