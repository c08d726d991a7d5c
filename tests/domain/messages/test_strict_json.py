"""JSON as everybody reads it alike, and nothing else."""

import pytest

from domain.bounds import MOST_DELIVERY_BYTES
from domain.errors import Refused
from domain.messages.strict_json import read_strictly

BOUNDS = pytest.mark.parametrize("most", [None, MOST_DELIVERY_BYTES], ids=["message", "delivery"])


def test_what_everybody_reads_alike_is_read() -> None:
    assert read_strictly(b'{"a": [1, 2.5, null, true, "\xc3\xbc"]}') == {"a": [1, 2.5, None, True, "ü"]}


@BOUNDS
@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (b"{", "bad_json", "line 1, column 2"),
        (b'{"a": 1, "a": 2}', "bad_json", "the key 'a' is given twice"),
        (b'{"a": NaN}', "bad_json", "NaN is no number"),
        (b'{"a": -Infinity}', "bad_json", "-Infinity is no number"),
        (b'{"a": 1e999}', "bad_message", ""),
        (b'{"a": "\\ud800"}', "bad_message", ""),
        (b'{"a": "\\u0000"}', "bad_message", ""),
        (b'{"a": ' + b"9" * 5000 + b"}", "bad_json", "no 64-bit integer"),
        (b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}", "bad_message", "at most 32 deep"),
        (b'{"a": ' + b"[" * 90_000 + b"]" * 90_000 + b"}", "bad_message", "at most 32 deep"),
        (b'{"a": "\xff"}', "bad_json", "no UTF-8: byte 8"),
    ],
)
def test_what_two_readers_could_read_differently_is_refused(
    text: bytes, code: str, said: str, most: int | None
) -> None:
    with pytest.raises(Refused) as refused:
        read_strictly(text) if most is None else read_strictly(text, most)
    assert (refused.value.code, said in str(refused.value)) == (code, True), str(refused.value)
