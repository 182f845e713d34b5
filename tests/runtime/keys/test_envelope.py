"""Envelopes open in their place with their key, and nowhere else."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from steersman.runtime.keys.envelope import DoesNotOpen, Place, key_id_of, open_sealed, seal

KEY_ID, KEY = bytes(range(8)), bytes(range(32))
PLACE = Place("things", "secret", "r1")


def find(id: bytes) -> bytes | None:
    return KEY if id == KEY_ID else None


@pytest.mark.requirement("ASVS-11.3.2")
@given(st.binary(max_size=300))
def test_what_was_sealed_opens(secret: bytes) -> None:
    sealed = seal(secret, PLACE, KEY_ID, KEY)
    assert key_id_of(sealed) == KEY_ID
    assert open_sealed(sealed, PLACE, find) == secret


def test_another_implementation_opens_it_by_the_written_layout() -> None:
    """The layout, taken apart by hand with the library's HKDF, is what the docstring says."""
    sealed = seal(b"secret", PLACE, KEY_ID, KEY)
    salt, wrap_nonce, wrapped, nonce, content = (
        sealed[12:28], sealed[28:40], sealed[40:88], sealed[88:100], sealed[100:],
    )  # fmt: skip
    associated = b"".join(len(part).to_bytes(4, "big") + part for part in (b"things", b"secret", b"r1"))
    wrapping = HKDFExpand(SHA256(), 32, b"steersman envelope wrapping 1" + salt).derive(KEY)
    data_key = AESGCM(wrapping).decrypt(wrap_nonce, wrapped, KEY_ID + associated)
    assert AESGCM(data_key).decrypt(nonce, content, associated) == b"secret"


@pytest.mark.requirement("ASVS-11.3.3")
@given(st.sampled_from([("other", "secret", "r1"), ("things", "other", "r1"), ("things", "secret", "r2"),
                        ("thingss", "ecret", "r1"), ("things", "secretr", "1")]))  # fmt: skip
def test_what_was_moved_to_another_row_column_or_table_does_not_open(place: tuple[str, str, str]) -> None:
    with pytest.raises(DoesNotOpen, match="altered or comes from another row"):
        open_sealed(seal(b"secret", PLACE, KEY_ID, KEY), Place(*place), find)


@pytest.mark.requirement("ASVS-11.3.3")
@given(st.data())
def test_any_changed_byte_and_any_cut_is_refused(data: st.DataObject) -> None:
    sealed = bytearray(seal(b"a secret of some length", PLACE, KEY_ID, KEY))
    at = data.draw(st.integers(0, len(sealed) - 1))
    with pytest.raises(DoesNotOpen):
        open_sealed(bytes(sealed[:at]), PLACE, lambda _id: KEY)
    sealed[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(DoesNotOpen):
        open_sealed(bytes(sealed), PLACE, lambda _id: KEY)


def test_a_key_that_is_not_in_the_ring_is_named() -> None:
    with pytest.raises(DoesNotOpen, match="the key 0001020304050607 is not in the ring"):
        open_sealed(seal(b"secret", PLACE, KEY_ID, KEY), PLACE, lambda _id: None)


@pytest.mark.requirement("ASVS-11.3.4")
def test_no_salt_nonce_or_data_key_comes_twice() -> None:
    """Each envelope draws all of them anew, also for the same secret in the same place."""
    sealed = [seal(b"secret", PLACE, KEY_ID, KEY) for _ in range(500)]
    for begin, end in ((12, 28), (28, 40), (40, 88), (88, 100)):
        assert len({one[begin:end] for one in sealed}) == len(sealed)
