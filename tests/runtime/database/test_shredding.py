"""Sealed fields are read back at their own place only, and nothing is left of them without the key."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from steersman.model.errors import InvalidInput
from steersman.runtime.database.shredding import ERASED, SEALED, Place, seal, unseal

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=6,
)
payloads = st.dictionaries(st.sampled_from(["name", "address", "count", "note"]), values)


def encrypt(content: bytes, associated: bytes) -> bytes:
    """A cipher that shows what it was given."""
    return bytes([len(associated)]) + associated + content


def decrypt(content: bytes, associated: bytes) -> bytes:
    if content[1 : 1 + content[0]] != associated:
        raise InvalidInput("moved")
    return content[1 + content[0] :]


@given(payloads, st.sets(st.sampled_from(["name", "address", "missing"])))
def test_what_is_sealed_is_read_back(payload: dict[str, Any], fields: set[str]) -> None:
    sealed = seal(payload, fields, "row", "key", encrypt)
    assert all(sealed[name].keys() == {SEALED} for name in fields & payload.keys())
    assert unseal(sealed, "row", lambda _key_id: decrypt) == payload


def test_without_the_key_only_the_sealed_fields_are_gone() -> None:
    sealed = seal({"name": "Ada", "count": 3}, {"name"}, "row", "key", encrypt)
    assert unseal(sealed, "row", lambda _key_id: None) == {"name": {ERASED: "key"}, "count": 3}


def test_a_value_that_was_moved_cannot_be_read() -> None:
    """To another row, another field, or under another key's name."""
    sealed = seal({"name": "Ada", "address": "here"}, {"name", "address"}, "row", "key", encrypt)
    other = {SEALED: {**sealed["name"][SEALED], "key": "other"}}
    for payload, row in ((sealed, "elsewhere"), ({"address": sealed["name"]}, "row"), ({"name": other}, "row")):
        with pytest.raises(InvalidInput, match="moved"):
            unseal(payload, row, lambda _key_id: decrypt)


parts = st.text(max_size=5)


@given(st.tuples(parts, parts, parts, parts), st.tuples(parts, parts, parts, parts))
def test_two_places_never_have_the_same_associated_bytes(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert (Place(*one).associated() == Place(*other).associated()) == (one == other)


@pytest.mark.parametrize("value", [{SEALED: {}}, {ERASED: "key"}, {SEALED: 1, "more": 2}])
def test_what_looks_sealed_already_is_not_sealed(value: Any) -> None:
    """A caller could otherwise have somebody else's sealed value opened for them."""
    with pytest.raises(InvalidInput, match="holds an object"):
        seal({"note": value}, (), "row", "key", encrypt)


@pytest.mark.parametrize("inner", [1, {}, {"key": "k"}, {"key": "k", "content": "?"}, {"key": "k", "content": 1}])
def test_what_was_not_sealed_here_is_refused(inner: Any) -> None:
    with pytest.raises(InvalidInput, match="not sealed as this version does it"):
        unseal({"name": {SEALED: inner}}, "row", lambda _key_id: decrypt)


def test_what_an_older_version_sealed_is_still_read() -> None:
    """Written before its beginning was kept in memory, under the key 0, 1, 2 ... with a nonce of noughts."""
    cipher = AESGCM(bytes(range(32)))
    content = {
        "address": "AAAAAAAAAAAAAAAALI6F7ZscrYw5m4cCOgvr63sBcYvf/g1bp3tPTSE=",
        "agent": "AAAAAAAAAAAAAAAALPp2YtZE8J9AlQe9QawEau9u77UEePmv",
    }
    kept = {name: {SEALED: {"key": "0193-key", "content": text}} for name, text in content.items()}
    opened = unseal(
        kept, "0193-row", lambda _key: lambda sealed, bound: cipher.decrypt(sealed[:12], sealed[12:], bound)
    )
    assert opened == {"address": "203.0.113.7", "agent": "Füchs"}


def test_half_a_surrogate_pair_is_sealed_like_any_text() -> None:
    sealed = seal({"name": "\ud800"}, {"name"}, "row", "key", encrypt)
    assert unseal(sealed, "row", lambda _key: decrypt) == {"name": "\ud800"}
