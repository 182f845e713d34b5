import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from steersman.engine.decode.unpack import unpack_snappy
from steersman.model.errors import InvalidInput, TooLarge


@given(st.binary(max_size=300), st.integers(1, 2000))
def test_what_was_packed_comes_back(content, times):
    assert unpack_snappy(bytes(cramjam.snappy.compress_raw(content * times))) == content * times


@given(st.binary(max_size=60))
def test_other_bytes_are_unpacked_or_refused_and_nothing_else(body):
    try:
        assert isinstance(unpack_snappy(body, limit=1000), bytes)
    except InvalidInput as error:
        assert error.message  # noqa: PT017 - either outcome is right, a third is not


def test_the_limit_is_on_the_unpacked_size():
    body = bytes(cramjam.snappy.compress_raw(bytes(1001)))
    assert len(unpack_snappy(body, limit=1001)) == 1001
    with pytest.raises(TooLarge, match="1001 bytes"):
        unpack_snappy(body, limit=1000)


def test_a_truncated_block_is_refused():
    body = bytes(cramjam.snappy.compress_raw(b"some text that is long enough" * 5))
    for size in range(len(body)):
        with pytest.raises(InvalidInput):
            unpack_snappy(body[:size])


def test_the_framing_format_is_refused():
    with pytest.raises(InvalidInput):
        unpack_snappy(bytes(cramjam.snappy.compress(b"some text" * 20)))
