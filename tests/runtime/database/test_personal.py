"""What is an address is what the standard library takes for one, however quickly it is found out."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from steersman.runtime.database.personal import is_address

likely = st.text("0123456789abcdefABCDEF:.%/ \n", max_size=24)
real = st.ip_addresses().map(str)


def expected(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


@pytest.mark.requirement("GDPR-32")
@given(likely | real | st.builds("{}%{}".format, st.ip_addresses(v=6), st.text(max_size=5)) | st.text(max_size=12))
@example("::ffff:192.0.2.1")
@example("fe80::1%eth0")
@example("fe80::1%\n")
@example("somebody@example.com")
def test_the_quick_look_takes_every_address_and_nothing_else(text: str) -> None:
    assert is_address(text) == expected(text)
