"""Check digits against `python-stdnum`, which others rely on, and against what its own check digits make of any number."""

from __future__ import annotations

import re
import string
from datetime import date
from itertools import product
from random import Random

import pytest
import stdnum.cn.ric
import stdnum.cn.uscc
import stdnum.eu.vat
import stdnum.exceptions
import stdnum.iban
import stdnum.luhn
import stdnum.sk.rc
from hypothesis import given, settings
from hypothesis import strategies as st

from steersman.engine.personal import checksums
from steersman.engine.personal.vat import _CHECKS, valid_vat

_digits = st.text(string.digits, min_size=1, max_size=20)
_signs = "0123456789ABCDEFGHJKLMNPQRTUWXY"


@given(_digits)
def test_luhn_agrees_on_any_number(digits: str) -> None:
    assert checksums.luhn(digits) == stdnum.luhn.is_valid(digits)


@given(
    st.text(_signs, min_size=9, max_size=9),
    st.text(string.digits, min_size=6, max_size=6),
    st.sampled_from(["91", "92", "11", "52", "Y1"]),
)
def test_credit_codes_agree_on_any_number_and_its_check_sign(rest: str, region: str, kind: str) -> None:
    body = kind + region + rest
    assert checksums.credit_code(body + stdnum.cn.uscc.calc_check_digit(body))
    for sign in _signs:
        assert checksums.credit_code(body + sign) == (sign == stdnum.cn.uscc.calc_check_digit(body))


@given(
    st.sampled_from(["110101", "320102", "440305", "810000", "999999"]),
    st.dates(min_value=date(1880, 1, 1), max_value=date(2100, 1, 1)),
    st.integers(0, 999),
)
def test_resident_ids_agree_on_their_check_digit(region: str, born: date, number: int) -> None:
    body = f"{region}{born:%Y%m%d}{number:03d}"
    right = stdnum.cn.ric.calc_check_digit(body + "0")
    known = region[:2] in {"11", "32", "44", "81"}
    assert [digit for digit in "0123456789X" if checksums.resident_id(body + digit)] == ([right] if known else [])


@pytest.mark.parametrize(
    "number", ["110101199002301234", "11010119901331123X", "000000199001010000", "1101011990010100", ""]
)
def test_what_is_no_resident_id_is_none(number: str) -> None:
    assert not checksums.resident_id(number)


@given(st.sampled_from(["DE", "FR", "GB", "NL", "NO", "CH"]), st.integers(0, 10**30))
def test_ibans_agree(country: str, number: int) -> None:
    """Where `stdnum` also knows the form of a bank's own number it is stricter, and never laxer."""
    length = {"DE": 22, "FR": 27, "GB": 22, "NL": 18, "NO": 15, "CH": 21}[country]
    text = f"{country}00{number:030d}"[:length]
    text = country + stdnum.iban.calc_check_digits(text) + text[4:]
    assert checksums.iban(text)
    assert not checksums.iban(text[:-1] + str((int(text[-1]) + 1) % 10))
    assert not checksums.iban(text[:-1])


@pytest.mark.parametrize(
    "number",
    [
        "4111111111111111",
        "378282246310005",
        "6200000000000005",
        "3530111333300000",
        "30569309025904",
        "5555555555554444",
    ],
)
def test_published_test_cards_are_cards(number: str) -> None:
    assert checksums.payment_card(number)
    assert not checksums.payment_card(number[:-1] + str((int(number[-1]) + 1) % 10))


def test_the_specimen_of_icao_is_a_passport() -> None:
    """The example of Doc 9303, part 4."""
    line = "L898902C36UTO7408122F1204159ZE184226B<<<<<10"
    assert checksums.machine_readable(line)
    assert not checksums.machine_readable(line.replace("7408122", "7408123"))


def test_the_first_address_of_bitcoin_is_a_wallet() -> None:
    assert checksums.wallet("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")
    assert not checksums.wallet("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb")


#: Bodies of value added tax numbers with one place left for the check sign.
BODIES = {
    "AT": "U{7}?", "BE": "0{7}??", "CY": "1{7}^", "DE": "{8}?", "DK": "{7}?", "EE": "1{7}?", "EL": "0{7}?", "ES": "{8}^",
    "FI": "{7}?", "FR": "??{9}", "HR": "{10}?", "HU": "{7}?", "IE": "{7}^", "IT": "{10}?", "LU": "{6}??", "MT": "{6}??",
    "NL": "{8}?B01", "PL": "{9}?", "PT": "{8}?", "SE": "{9}?01", "SI": "{7}?", "SK": "1{1}9{6}?",
}  # fmt: skip


@pytest.mark.parametrize("country", BODIES)
@given(st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_value_added_tax_numbers_agree_on_their_check_signs(country: str, draw: Random) -> None:
    """Where `stdnum` also knows which numbers a country gives out it is stricter, and finds none that is unknown here."""
    form = re.sub(r"\{(\d+)\}", lambda found: "".join(draw.choices(string.digits, k=int(found[1]))), BODIES[country])
    width, signs = form.count("?"), string.ascii_uppercase if "^" in form else string.digits
    for check in map("".join, product(signs, repeat=width or 1)):
        if country == "SK" and stdnum.sk.rc.is_valid(form.replace("?", check)):
            continue  # the number of a person, which `stdnum` takes for one of a payer of taxes as well
        if country == "BE" and not "01" <= check <= "97":
            continue  # what is left of a division by 97, taken from 97: `stdnum` lets 98 and 99 pass as well
        number = country + form.replace("?" * width if width else "^", check)
        if stdnum.eu.vat.is_valid(number):
            assert valid_vat(number), number
        elif valid_vat(number):
            assert _is_unissued(country, number), number


def _is_unissued(country: str, number: str) -> bool:
    """Whether the check digits are right, and `stdnum` refuses the number for where it was given out."""
    module = stdnum.eu.vat._get_cc_module(country)
    try:
        module.validate(number)
    except stdnum.exceptions.InvalidComponent:
        return True
    except stdnum.exceptions.InvalidFormat:
        return True
    except stdnum.exceptions.InvalidChecksum:
        return False
    return False


def test_every_country_that_is_known_is_tested() -> None:
    assert set(BODIES) == set(_CHECKS)


@given(st.text(string.ascii_uppercase + string.digits, max_size=16))
def test_what_is_no_value_added_tax_number_is_none(text: str) -> None:
    """Whatever is believed here is believed by `stdnum`, or refused there for where it was given out."""
    assert not valid_vat(text) or stdnum.eu.vat.is_valid(text) or _is_unissued(text[:2], text)
