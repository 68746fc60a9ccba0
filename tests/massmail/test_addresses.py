"""Reading addresses: a table of what people type, and laws that hold for any text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from massmail.addresses import (
    MAX_ADDRESS,
    MAX_LOCAL_PART,
    PLAIN_ADDRESS_MAX,
    PLAIN_ADDRESS_REGEX,
    address_key,
    first_valid,
    wire_address,
)

LOCAL_64 = "a" * MAX_LOCAL_PART
LABEL_63 = "b" * 63
DOMAIN_189 = ".".join(["c" * 61, "d" * 61, "e" * 61, "fra"])

GOOD = {
    "zoe@example.com": "zoe@example.com",
    "Zoe.O'Neil@Example.COM": "zoe.o'neil@example.com",
    "  zoe@example.com\t\n": "zoe@example.com",
    "zoe+news@example.com": "zoe+news@example.com",
    "z.o.e@gmail.com": "z.o.e@gmail.com",
    "!#$%&'*+/=?^_`{|}~-@example.com": "!#$%&'*+/=?^_`{|}~-@example.com",
    "1@2.example": "1@2.example",
    "zoe@xn--bcher-kva.example": "zoe@xn--bcher-kva.example",
    "zoe@bücher.example": "zoe@xn--bcher-kva.example",
    "zoe@BÜCHER.example": "zoe@xn--bcher-kva.example",
    "zoe@bu\u0308cher.example": "zoe@xn--bcher-kva.example",
    "zoe@straße.example": "zoe@xn--strae-oqa.example",
    "zoe@例え.テスト": "zoe@xn--r8jz45g.xn--zckzah",
    "zoe@example。com": "zoe@example.com",
    "zoë@example.com": "zoë@example.com",
    "ZOË@example.com": "zoË@example.com",  # only ASCII is lower-cased
    f"{LOCAL_64}@example.com": f"{LOCAL_64}@example.com",
    f"a@{LABEL_63}.com": f"a@{LABEL_63}.com",
    f"{LOCAL_64}@{DOMAIN_189}": f"{LOCAL_64}@{DOMAIN_189}",
    "a@b.c": "a@b.c",
}

BAD = [
    "",
    " ",
    "@",
    "zoe",
    "zoe@",
    "@example.com",
    "zoe@localhost",
    "zoe@example.com.",
    "zoe@.example.com",
    "zoe@example..com",
    "zoe.@example.com",
    ".zoe@example.com",
    "z..e@example.com",
    "zoe@-example.com",
    "zoe@example-.com",
    "zoe@exa_mple.com",
    "zoe@127.0.0.1",
    "zoe@[127.0.0.1]",
    "zoe@[IPv6:::1]",
    "zoe@example.123",
    "zoe@example.１２３",  # full-width digits
    '"zoe neil"@example.com',
    '"zoe"@example.com',
    "zoe neil@example.com",
    "zoe@exam ple.com",
    "zoe,ann@example.com",
    "zoe@example.com,ann@example.com",
    "zoe@@example.com",
    "zoe@ann@example.com",
    "zoe(comment)@example.com",
    "zoe\\@example.com",
    "zoe<b>@example.com",
    "zo\0e@example.com",
    "zo\ne@example.com",
    "zo\r\ne@example.com",
    "zoe@exam\nple.com",
    "zo\x7fe@example.com",
    "zo\x85e@example.com",  # a C1 control: a new line to many programs
    "zo\u00a0e@example.com",  # spaces that do not look like any
    "zo\u2028e@example.com",
    "zo\u3000e@example.com",
    "zo\u200be@example.com",  # nothing that is seen: copied from web pages
    "zo\u202ee@example.com",  # turns the rest round
    "zo\ud800e@example.com",  # half a character
    "zoe@exa\ud800mple.com",
    f"{LOCAL_64}a@example.com",
    f"{'é' * 33}@example.com",  # 66 octets
    f"a@{LABEL_63}b.com",
    f"{LOCAL_64}@c{DOMAIN_189}",
    "zoe@" + "ü" * 60 + ".example",  # too long once it is ASCII
]


@pytest.mark.parametrize(("written", "key"), GOOD.items())
def test_a_good_address_has_a_key(written, key):
    assert address_key(written) == key


@pytest.mark.parametrize("written", BAD, ids=ascii)
def test_a_bad_address_has_none(written):
    assert address_key(written) is None
    assert wire_address(written) is None


def test_the_longest_address_of_the_table_is_the_limit():
    assert max(map(len, GOOD)) == MAX_ADDRESS == 254


@pytest.mark.parametrize(
    ("written", "wire"),
    [
        ("Zoe@Example.COM", "Zoe@example.com"),
        ("ZOË@BÜCHER.Example", "ZOË@xn--bcher-kva.example"),
        (" Zoe@example.com ", "Zoe@example.com"),
    ],
)
def test_on_the_wire_the_local_part_stays_as_written(written, wire):
    assert wire_address(written) == wire


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("zoe@example.com", "zoe@example.com"),
        (" Zoe@Example.com ", "Zoe@Example.com"),
        ("zoe@example.com, ann@example.com", "zoe@example.com"),
        ("zoe@example.com;ann@example.com", "zoe@example.com"),
        ("zoe@example.com\r\nann@example.com", "zoe@example.com"),
        ("zoe@example.com ann@example.com", "zoe@example.com"),
        ("zoe, zoe@localhost, ann@example.com", "ann@example.com"),
        ("Zoe O'Neil <zoe@example.com>", "zoe@example.com"),
        ('"O\'Neil, Zoe" <zoe@example.com>', "zoe@example.com"),
        ("old@example.com <new@example.com>", "new@example.com"),
        ("<zoe@example.com>", "zoe@example.com"),
        ("Zoe <nonsense>, ann@example.com", "ann@example.com"),
        ("Zoe <zoe@example.com>, ann@example.com", "zoe@example.com"),
        ("zoe@example.com, Ann <ann@example.com>", "zoe@example.com"),
        ("mailto:zoe@example.com", None),
        ("zoe(at)example.com", None),
        ("", None),
        ("<>", None),
        (",;, ", None),
    ],
)
def test_the_first_valid_address_of_a_field(text, address):
    assert first_valid(text) == address


# --- laws

TEXT = st.text(max_size=80) | st.lists(
    st.sampled_from([*GOOD, *BAD[:20], ",", ";", " ", "<", ">", "Zoe", "\u00a0", "@", "ü.example"]),
    max_size=5,
).map("".join)
ADDRESS = st.builds(
    "{}@{}.{}".format,
    st.text(min_size=1, max_size=20),
    st.text(min_size=1, max_size=20),
    st.sampled_from(["com", "例え", "X", "1"]),
)


@given(TEXT | ADDRESS)
def test_a_key_is_its_own_key(text):
    key = address_key(text)
    assert key is None or address_key(key) == key


@given(TEXT | ADDRESS)
def test_a_wire_address_is_its_own(text):
    wire = wire_address(text)
    assert wire is None or wire_address(wire) == wire


@given(TEXT | ADDRESS)
def test_the_first_valid_of_a_field_is_the_first_valid_of_itself(text):
    address = first_valid(text)
    assert address is None or (first_valid(address) == address and address_key(address))


@given(TEXT | ADDRESS)
def test_wire_and_key_differ_in_ascii_case_alone(text):
    wire, key = wire_address(text), address_key(text)
    assert (wire is None) == (key is None)
    if wire is not None and key is not None:
        assert len(wire.encode()) <= MAX_ADDRESS
        assert wire.rpartition("@")[2].isascii()
        assert key == "".join(c.lower() if c.isascii() else c for c in wire)


@given(st.from_regex(PLAIN_ADDRESS_REGEX) | ADDRESS)
def test_what_databases_take_for_plain_is_its_own_key_in_lower_case(text):
    if re.search(PLAIN_ADDRESS_REGEX, text) and len(text) <= PLAIN_ADDRESS_MAX:
        assert address_key(text) == text.lower()


def test_databases_do_not_take_a_line_end_for_plain():
    assert re.search(PLAIN_ADDRESS_REGEX, "zoe@example.com\n") is None
