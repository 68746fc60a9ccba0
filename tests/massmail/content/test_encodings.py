from email import message_from_bytes
from email.policy import SMTP

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from massmail.content import encodings

ANY_TEXT = st.text(
    alphabet=st.one_of(
        st.characters(exclude_categories=["Cs"]), st.sampled_from("\r\n\t =.\0abc яü漢😀")
    ),
    max_size=400,
)


def unified(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def decoded(encoded: bytes, encoding: str) -> str:
    head = f"Content-Transfer-Encoding: {encoding}\r\n\r\n".encode()
    content = message_from_bytes(head + encoded, policy=SMTP).get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode().replace("\r\n", "\n")


def in_lines(encoded: bytes) -> list[bytes]:
    lines = encoded.split(b"\r\n")
    assert all(not {10, 13} & set(line) for line in lines)
    return lines


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT)
@example("a" * 74 + " \nb")
@example("a" * 75 + " \nb")
@example("." * 200)
@example("я" * 20 + ".\n." + "a" * 74)
def test_both_encodings_read_back(text: str) -> None:
    expected = unified(text) if unified(text).endswith("\n") else unified(text) + "\n"

    for name, encode in (
        ("quoted-printable", encodings.quoted_printable),
        ("base64", encodings.base64_lines),
    ):
        encoded = encode(text)
        lines = in_lines(encoded)
        assert encoded.isascii()
        assert max(map(len, lines)) <= 76
        assert [line for line in lines if line.startswith(b".") or line.endswith(b" ")] == []
        assert decoded(encoded, name) == expected


@settings(max_examples=500, deadline=None)
@given(st.lists(ANY_TEXT.map(unified), min_size=1, max_size=4))
@example(["a" * 74, "b " * 40, ". ", ""])
@example(["a" * 75, "a" * 74 + " ", "a" * 74 + "\t", "a" * 73 + "ü"])
@example([".", ".\n.", " \n ", "a" * 73 + " \n"])
def test_runs_read_back_between_soft_breaks(texts: list[str]) -> None:
    encoded = b"=\r\n".join(map(encodings.quoted_run, texts)) + b"=\r\n\r\n"

    lines = in_lines(encoded)
    assert max(map(len, lines)) <= 76
    assert [line for line in lines if line.startswith(b".") or line.endswith((b" ", b"\t"))] == []
    assert decoded(encoded, "quoted-printable") == "".join(texts) + "\n"


@settings(max_examples=300, deadline=None)
@given(ANY_TEXT)
@example("a" * 998)
@example("a" * 999)
@example("ü" * 499 + "\n" + "ü" * 500)
def test_unencoded_is_the_text_itself_or_nothing(text: str) -> None:
    data = encodings.unencoded(text)

    lines = unified(text).removesuffix("\n").split("\n")
    fits = all(len(line.encode()) <= 998 and "\0" not in line for line in lines)
    assert data == ("\r\n".join([*lines, ""]).encode() if fits else None)


@settings(deadline=None)
@given(st.lists(st.integers(min_value=0, max_value=2_000), max_size=20))
@example([998, 998, 0, 998])
@example([0, 500, 499, 999])
def test_long_lines_are_found_wherever_they_are(lengths: list[int]) -> None:
    data = b"".join(b"a" * length + b"\r\n" for length in lengths)

    assert encodings.is_line_data(data) == all(length <= 998 for length in lengths)


@pytest.mark.parametrize(("text", "expected"), [("Müller and others", False), ("Привет", True)])
def test_the_shorter_encoding_is_preferred(text: str, expected: bool) -> None:
    assert encodings.prefers_base64(text) is expected
