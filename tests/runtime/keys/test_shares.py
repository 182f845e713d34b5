"""So many shares give the key back, fewer tell nothing, and what is wrong with one is said of that one."""

from __future__ import annotations

import itertools
import os
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shamir_mnemonic import shamir

from steersman.model.errors import InvalidInput
from steersman.runtime.keys.shares import combine, interpolated, read, read_all, split, times

keys = st.binary(min_size=32, max_size=32)


def test_products_are_those_of_fips_197() -> None:
    """The two worked examples of its section 4.2, and the table of x times b in 4.2.1."""
    assert times(0x57, 0x83) == 0xC1
    assert times(0x57, 0x13) == 0xFE
    assert [times(0x57, x) for x in (0x02, 0x04, 0x08, 0x10)] == [0xAE, 0x47, 0x8E, 0x07]


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.integers(1, 16), keys, min_size=2, max_size=6), st.integers(0, 255))
def test_interpolation_is_that_of_the_reference_of_slip_39(points: dict[int, bytes], at: int) -> None:
    theirs = shamir._interpolate([shamir.RawShare(x, values) for x, values in points.items()], at)
    assert interpolated(points, at) == points.get(at, theirs)


@settings(max_examples=20, deadline=None)
@given(keys, st.integers(2, 6), st.integers(0, 3), st.randoms(use_true_random=False))
def test_any_so_many_shares_give_the_key_back(key: bytes, needed: int, more: int, chance: Any) -> None:
    shares = [read(share.text()) for share in split(key, needed + more, needed)]
    assert combine(chance.sample(shares, needed)) == key
    assert combine(shares) == key


def test_every_choice_of_three_of_five_gives_the_key() -> None:
    key = os.urandom(32)
    for chosen in itertools.permutations(split(key, 5, 3), 3):
        assert combine(chosen) == key


def test_one_share_less_fits_every_key() -> None:
    """For two of three shares and any other key there is a third share: nothing is learnt from two."""
    first, second, _ = split(bytes(32), 3, 3)
    other = os.urandom(32)
    points = {0: other, first.number: first.points, second.number: second.points}
    third = interpolated(points, 3)
    told = interpolated({1: first.points, 2: second.points, 3: third}, 0)
    assert told == other


def test_too_few_shares_are_counted() -> None:
    shares = split(os.urandom(32), 5, 3)
    with pytest.raises(InvalidInput, match="3 different shares are needed, and these are 2"):
        combine([shares[0], shares[1], shares[1]])


@given(st.data())
def test_every_wrong_sign_is_found_and_the_share_is_named(data: st.DataObject) -> None:
    texts = [share.text() for share in split(bytes(range(32)), 3, 2)]
    bad = list(texts[1])
    at = data.draw(st.sampled_from([n for n, sign in enumerate(bad) if not sign.isspace()]))
    bad[at] = data.draw(st.sampled_from([s for s in "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567" if s != bad[at]]))
    with pytest.raises(InvalidInput, match=r"^share 2 as typed: "):
        read_all([texts[0], "".join(bad), texts[2]])


def test_what_hands_mix_up_is_forgiven() -> None:
    share = split(os.urandom(32), 2, 2)[0]
    typed = share.text().lower().replace("o", "0").replace("i", "1").replace("b", "8").replace(" ", "-")
    assert read(typed) == share


def test_a_share_of_another_set_is_named() -> None:
    """Also of the same key, split another time."""
    key = os.urandom(32)
    mine, others = split(key, 3, 3), split(key, 3, 3)
    with pytest.raises(InvalidInput, match=r"^share 3 as typed is of the set [0-9a-f]{24}, the others"):
        read_all([mine[0].text(), mine[1].text(), others[2].text()])


@pytest.mark.parametrize("text", ["", "hello", "A" * 88, "?" * 88, "☃" * 8])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        read(text)


def test_made_up_shares_are_found_out() -> None:
    from dataclasses import replace

    shares = split(os.urandom(32), 4, 3)
    forged = replace(shares[2], points=os.urandom(32))
    with pytest.raises(InvalidInput, match="made up"):
        combine([shares[0], shares[1], forged])
    with pytest.raises(InvalidInput, match="one number"):
        combine([*shares, forged])
    with pytest.raises(InvalidInput, match="made up"):
        combine([shares[0], shares[1], shares[3], forged])


@pytest.mark.parametrize(("of", "needed"), [(1, 1), (3, 1), (2, 3), (17, 3), (0, 0)])
def test_other_numbers_are_refused(of: int, needed: int) -> None:
    with pytest.raises(InvalidInput):
        split(os.urandom(32), of, needed)
