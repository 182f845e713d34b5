"""No secret in the repository, and a planted one is found."""

from __future__ import annotations

import secrets
import string
import subprocess

import pytest


def planted() -> dict[str, str]:
    """Invented credentials of every shape, made here so that no file holds them."""
    text = "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(64))
    lines = "-" * 5
    return {
        "private key": f"{lines}BEGIN PRIVATE KEY{lines}{text}",
        "AWS key": f"AKIA{'Q7' * 8}",
        "GitHub token": f"ghp_{text[:36]}",
        "Slack token": f"xoxb-{text[:30]}",
        "Google key": f"AIza{text[:35]}",
        "Stripe key": f"sk_live_{text[:24]}",
        "API key of a model": f"sk-proj-{text[:48]}",
        "package index token": f"pypi-{text}",
        "signed token": f"eyJ{text[:20]}.eyJ{text[:20]}.{text[:43]}",
        "our own key": f"stm_{text[:43]}",
        "credentials in an address": f"postgresql://me:{text[:12]}@db/x",
        "named secret": f'api_key = "{text[:31]}7"',
    }


@pytest.mark.requirement("ASVS-13.3.1", "SOC2-CC6.1")
def test_no_file_and_no_earlier_version_of_one_holds_a_secret(script, root):
    leaks = script("tools/leaks.py")
    excused = leaks.known(leaks.KNOWN.read_text())
    assert leaks.scanned(leaks.of_files(root), excused) == []
    if not (root / ".git/shallow").exists():
        assert leaks.scanned(leaks.of_history(root, ""), excused) == []


@pytest.mark.parametrize("kind", sorted(planted()))
def test_a_planted_secret_is_found_and_not_repeated(script, kind: str):
    leaks, text = script("tools/leaks.py"), planted()[kind]
    found = leaks.scanned([("file:1", f"x = {text}")], {})
    assert any(kind in one for one in found)
    assert text not in "".join(found)


def test_every_shape_is_planted(script):
    assert set(planted()) == {*script("tools/leaks.py").SHAPES, "named secret"}


def test_a_secret_that_was_taken_out_again_is_found_in_the_history(script, tmp_path):
    def git(*words: str) -> None:
        who = ["-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True)

    git("init", "-q")
    file = tmp_path / "settings"
    for text in (planted()["GitHub token"], "nothing"):
        file.write_text(text + "\n")
        git("add", "settings")
        git("commit", "-q", "-m", "x")
    leaks = script("tools/leaks.py")
    assert leaks.scanned(leaks.of_files(tmp_path), {}) == []
    assert len(leaks.scanned(leaks.of_history(tmp_path, ""), {})) == 1


def test_prose_and_hashes_are_no_secrets(script):
    leaks = script("tools/leaks.py")
    for line in (
        'password = "correct horse battery staple"',
        'digest = "' + "ab12" * 16 + '"',
        'token: "${{ secrets.X }}"',
    ):
        assert leaks.scanned([("f:1", line)], {}) == []


def test_what_is_excused_needs_a_reason(script):
    with pytest.raises(ValueError, match="no reason"):
        script("tools/leaks.py").known("0123456789abcdef\n")
