"""The key ring on disk: rotation with overlap, and no start with a ring that is not whole."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steersman.model.errors import Permanent
from steersman.runtime.identity.keyring import OVERLAP_SECONDS, Keyring

FILE = "identity-keys.json"
DAY = 86_400


@pytest.mark.requirement("ASVS-13.3.2")
def test_the_ring_survives_a_restart_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    first = Keyring(tmp_path, 1000)
    again = Keyring(tmp_path, 2000)
    assert (first.ring.keys[0].kid, first.ring.derivation) == (again.ring.keys[0].kid, again.ring.derivation)
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600


def test_an_old_key_verifies_until_its_last_token_has_expired(tmp_path: Path) -> None:
    ring = Keyring(tmp_path, 0)
    old = ring.ring.keys[0].kid
    new = ring.rotate(1000).kid
    assert [key["kid"] for key in ring.published(1000 + OVERLAP_SECONDS)["keys"]][:-1] == [new, old]
    assert [key["kid"] for key in ring.published(1001 + OVERLAP_SECONDS)["keys"]][:-1] == [new]
    assert ring.ring.keys[0].kid == new
    ring.rotate(1001 + OVERLAP_SECONDS)
    assert old not in {key.kid for key in ring.ring.keys}


@pytest.mark.requirement("ASVS-13.3.4")
def test_rotation_comes_with_age(tmp_path: Path) -> None:
    ring = Keyring(tmp_path, 0)
    assert not ring.rotate_when_due(30 * DAY - 1, 30)
    assert ring.rotate_when_due(30 * DAY, 30)
    assert not ring.rotate_when_due(30 * DAY + 1, 30)


def test_another_process_notices_a_rotation(tmp_path: Path) -> None:
    ours, theirs = Keyring(tmp_path, 0), Keyring(tmp_path, 0)
    made = theirs.rotate(10)
    assert ours.reread()
    assert ours.ring.keys[0].kid == made.kid
    assert not ours.reread()


def test_what_is_published_holds_no_private_half(tmp_path: Path) -> None:
    ring = Keyring(tmp_path, 0)
    seed = json.loads((tmp_path / FILE).read_text())["keys"][0]["seed"]
    assert seed not in json.dumps(ring.published(0))
    assert set(ring.published(0)["keys"][0]) == {"kty", "crv", "x", "kid", "use", "alg"}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damage_to_the_ring_goes_unnoticed(tmp_path: Path, data: st.DataObject) -> None:
    """Any changed byte stops the start, or changes nothing that is said."""
    (tmp_path / FILE).unlink(missing_ok=True)
    whole = Keyring(tmp_path, 0)
    text = bytearray((tmp_path / FILE).read_bytes())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] ^= data.draw(st.integers(1, 255))
    (tmp_path / FILE).write_bytes(text)
    try:
        damaged = Keyring(tmp_path, 0)
    except Permanent:
        return
    assert damaged.ring.derivation == whole.ring.derivation
    assert damaged.ring.keys[0].kid == whole.ring.keys[0].kid


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"keys": [], "derivation": "", "sha256": ""}'])
@pytest.mark.requirement("ASVS-16.5.3")
def test_a_damaged_ring_names_the_next_step(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(Permanent, match="restore this file from a backup"):
        Keyring(tmp_path, 0)


@pytest.mark.requirement("ASVS-13.3.2")
def test_a_ring_that_others_may_read_stops_the_start(tmp_path: Path) -> None:
    Keyring(tmp_path, 0)
    (tmp_path / FILE).chmod(0o640)
    with pytest.raises(Permanent, match="0640"):
        Keyring(tmp_path, 0)


def test_a_key_is_published_before_it_signs(tmp_path: Path) -> None:
    """Whoever keeps the public keys for a while never meets a token of a key that it does not know."""
    ring = Keyring(tmp_path, 0)
    for now in (10, 20, 30):
        known = {key["kid"] for key in ring.published(now)["keys"]}
        assert ring.rotate(now).kid in known


def test_two_processes_that_rotate_at_once_agree_and_lose_no_key(tmp_path: Path) -> None:
    rings = [Keyring(tmp_path, 0) for _ in range(4)]
    signed = {ring.ring.keys[0].kid for ring in rings}
    with ThreadPoolExecutor(4) as threads:
        signed |= {key.kid for key in threads.map(lambda ring: ring.rotate(5), rings)}
    for ring in rings:
        ring.reread()
        assert {key.kid for key in ring.ring.keys} == signed
    assert len(signed) == 5


def test_a_ring_of_the_version_before_gets_a_next_key_and_keeps_the_rest(tmp_path: Path) -> None:
    whole = Keyring(tmp_path, 0)
    content = json.loads((tmp_path / FILE).read_text())
    del content["next"], content["sha256"]
    content["sha256"] = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    (tmp_path / FILE).write_text(json.dumps(content))
    again = Keyring(tmp_path, 7)
    assert again.ring.keys[0].kid == whole.ring.keys[0].kid
    assert len(again.published(7)["keys"]) == 2


@pytest.mark.requirement("ASVS-11.2.2")
def test_another_algorithm_of_the_settings_signs_at_once_and_the_old_key_verifies_on(tmp_path: Path) -> None:
    old = Keyring(tmp_path, 0).ring.keys[0].kid
    ring = Keyring(tmp_path, 50, "PS256")
    assert [key["alg"] for key in ring.published(50)["keys"]] == ["PS256", "EdDSA", "PS256"]
    assert ring.published(50)["keys"][1]["kid"] == old
    assert Keyring(tmp_path, 60, "PS256").ring.keys[0].kid == ring.ring.keys[0].kid


_ROTATING = """
import sys
from pathlib import Path
from steersman.runtime.identity.keyring import Keyring
ring, now = Keyring(Path(sys.argv[1]), 0), 0
while True:
    now += 1
    print(ring.rotate(now).kid, flush=True)
"""


@pytest.mark.slow
def test_a_kill_in_the_middle_of_rotations_leaves_a_whole_ring_with_every_key_that_signed(tmp_path: Path) -> None:
    """Whatever was told to have signed verifies after the kill, and the next rotation goes on from there."""
    for _ in range(10):
        with subprocess.Popen(
            [sys.executable, "-c", _ROTATING, tmp_path], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            told = [process.stdout.readline().strip() for _ in range(20)]
            process.kill()
            told += [line.strip() for line in process.stdout if len(line) == len(told[0]) + 1]
        ring = Keyring(tmp_path, 0)
        assert set(told) <= {key.kid for key in ring.ring.keys}
        assert ring.rotate(0).kid not in told
        (tmp_path / FILE).unlink()
