"""Bandit finds nothing that no line explains, and an explanation is more than a mark."""

from __future__ import annotations

import pytest


@pytest.mark.requirement("ASVS-1.2.5", "ASVS-1.3.2", "ASVS-1.5.2", "ASVS-12.3.2", "ASVS-11.4.1", "SOC2-CC7.1")
def test_nothing_is_found_that_no_line_explains(script, root):
    """Among its rules: shells, eval, pickle and unsafe YAML, unchecked certificates, MD5 and SHA-1, temporary files."""
    assert script("tools/bandit_zero.py").findings([root / "src", root / "tools"]) == []


@pytest.mark.parametrize(
    "line",
    [
        "subprocess.run(text, shell=True)",
        "subprocess.run(text, shell=True)  # nosec",
        "subprocess.run(text, shell=True)  # noqa: S602",
        "subprocess.run(text, shell=True)  # noqa: S608 - a reason for another rule",
        "eval(text)",
        "pickle.loads(text)",
        "yaml.load(text)",
        "ssl._create_unverified_context()",
        "hashlib.md5(text)",
    ],
)
def test_a_planted_line_is_found(script, tmp_path, line: str):
    (tmp_path / "bad.py").write_text(f"import hashlib, pickle, ssl, subprocess, yaml\n{line}\n")
    assert any("bad.py:2" in one for one in script("tools/bandit_zero.py").findings([tmp_path]))


def test_a_reason_for_the_very_rule_is_heard(script):
    excused = script("tools/bandit_zero.py").excused
    assert excused("x()  # noqa: S602 - the text is written here", "B602")
    assert excused("x()  # nosec B602 - the text is written here", "B602")
    assert not excused("x()  # noqa: S602 - no", "B602")
