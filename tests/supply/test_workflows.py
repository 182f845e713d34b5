"""The workflows call what everybody calls, with the least permissions and with pinned actions."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
import yaml


def flows(root):
    return {file.name: yaml.safe_load(file.read_text()) for file in sorted((root / ".github/workflows").glob("*.yml"))}


def steps(flow):
    return [step for job in flow["jobs"].values() for step in job["steps"]]


def test_the_workflows_keep_the_schema(root):
    """The schema is part of the checker: nothing is fetched."""
    files = sorted(map(str, (root / ".github/workflows").glob("*.yml")))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", *files]
    assert (
        subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() == "ok -- validation done"
    )


def test_there_is_one_for_each_purpose(root):
    assert {"ci.yml", "cd.yml", "security-scan.yml", "release.yml"} <= set(flows(root))


@pytest.mark.requirement("ASVS-15.2.4", "SOC2-CC6.8")
def test_every_action_is_pinned_to_a_commit_and_official(root):
    used = [step["uses"] for flow in flows(root).values() for step in steps(flow) if "uses" in step]
    assert used
    assert [one for one in used if not re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", one)] == []


def test_no_job_may_more_than_it_says(root):
    """The workflow itself grants nothing; a job that writes is a job of the release."""
    for name, flow in flows(root).items():
        assert flow["permissions"] == {}, name
        for job in flow["jobs"].values():
            assert job["permissions"]["contents"] == ("write" if name == "release.yml" else "read")
            assert job["timeout-minutes"] <= 40


def test_no_checkout_leaves_its_token_behind(root):
    for flow in flows(root).values():
        for step in steps(flow):
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False


def test_nothing_that_a_stranger_writes_gets_into_a_shell(root):
    """Expressions stand in `env`, never inside a script."""
    assert [step["run"] for flow in flows(root).values() for step in steps(flow) if "${{" in step.get("run", "")] == []


def test_every_command_of_a_workflow_is_one_of_this_repository(root):
    """Targets of make exist, scripts lie here and can be run."""
    targets = set(re.findall(r"^([a-z-]+):", (root / "Makefile").read_text(), re.MULTILINE))
    told = "\n".join(step.get("run", "") for flow in flows(root).values() for step in steps(flow))
    called = [
        word
        for words in re.findall(r"\bmake ((?:[a-z-]+ ?)+)", told.replace("certificates make python3", ""))
        for word in words.split()
    ]
    assert set(called) <= targets
    files = set(re.findall(r"(?:sh|python3|python) ((?:deploy|tools)/[a-z_]+\.(?:sh|py))", told)) | {".ci/run"}
    assert len(files) >= 4
    assert [file for file in files if not (root / file).is_file()] == []
    assert ".ci/run" in told


def test_the_notes_of_a_release_are_one_part_of_the_changelog(script):
    changes = script("tools/changes.py")
    text = "# C\n\n## 0.2.0, unreleased: new\n\nnew\n\n## 0.1.0: old\n\nold\n"
    assert changes.part(text, "0.2.0") == "new\n"
    assert changes.part(text, "0.1.0") == "old\n"
    with pytest.raises(SystemExit):
        changes.part(text, "0.3.0")
