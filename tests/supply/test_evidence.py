"""The evidence that is installed with the platform is what the tests say, and only what they say."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from steersman.services.compliance.logic.catalogue import unknown_ids
from steersman.services.compliance.store.files import catalogue

SOURCE = """
import pytest
pytestmark = pytest.mark.requirement("ASVS-1.1.1")

@pytest.mark.requirement("ASVS-1.1.2", "GDPR-17")
def test_a(): pass

def helper(): pass

class TestB:
    @pytest.mark.requirement("ASVS-1.2.1")
    async def test_c(self): pass
"""


def test_the_evidence_is_in_step_with_the_tests(script):
    """Run `make evidence` where this fails."""
    evidence = script("tools/evidence.py")
    assert evidence.WRITTEN.read_text("utf-8") == evidence.written(evidence.collected(evidence.ROOT / "tests"))


def test_no_mark_names_a_requirement_that_there_is_not(script):
    evidence = script("tools/evidence.py")
    assert unknown_ids(catalogue(), evidence.collected(evidence.ROOT / "tests")) == []


def test_marks_of_modules_classes_and_functions_are_found(script, tmp_path):
    (tmp_path / "test_x.py").write_text(SOURCE)
    assert script("tools/evidence.py").collected(tmp_path, tmp_path) == {
        "ASVS-1.1.1": ["test_x.py::TestB::test_c", "test_x.py::test_a"],
        "ASVS-1.1.2": ["test_x.py::test_a"],
        "ASVS-1.2.1": ["test_x.py::TestB::test_c"],
        "GDPR-17": ["test_x.py::test_a"],
    }


def test_a_mark_that_is_no_plain_text_is_an_error(script, tmp_path):
    (tmp_path / "test_x.py").write_text("@pytest.mark.requirement(NAME)\ndef test_a(): pass\n")
    with pytest.raises(SystemExit, match=r"test_x\.py:1"):
        script("tools/evidence.py").collected(tmp_path, tmp_path)


def test_reading_the_source_finds_what_the_test_runner_finds(script, root, tmp_path):
    """A difference would mean that a mark is read that no runner sees, or the other way round."""
    plugin = tmp_path / "told.py"
    plugin.write_text(
        "import json, pathlib\n"
        "def pytest_collection_finish(session):\n"
        "    told = {(i.nodeid.partition('[')[0], one) for i in session.items for m in i.iter_markers('requirement') for one in m.args}\n"
        f"    pathlib.Path({str(tmp_path / 'told.json')!r}).write_text(json.dumps(sorted(told)))\n"
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--collect-only",
        "-p",
        "told",
        "tests/supply",
        "tests/services/compliance",
    ]
    subprocess.run(
        command, cwd=root, env={"PYTHONPATH": str(tmp_path), "PATH": "/usr/bin:/bin"}, check=True, capture_output=True
    )
    read = script("tools/evidence.py").collected(root / "tests")
    ours = {
        (test, key)
        for key, tests in read.items()
        for test in tests
        if test.startswith(("tests/supply", "tests/services/compliance"))
    }
    assert sorted(map(list, ours)) == json.loads((tmp_path / "told.json").read_text())
