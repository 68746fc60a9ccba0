import email

import pytest

from massmail.content import language
from massmail.content.body import HTML, PLAIN, BodyPart, body_part
from massmail.content.pieces import split_tags

CYRILLIC = "Привет, как дела? {{ name }}\n"
CONDITION = "{% if name %}Dear {{ name }}{% endif %}, viele Grüße und einen guten Tag\n"
ALONE = "Grüße und einen guten Tag\n\n{{ name }}\n\nEnd\n"  # a blank value takes the long way
ALONE_ASCII = "A good day\n\n{{ name }}\n\nEnd\n"
ALONE_LONG = f"Grüße {'and a good day ' * 70}\n\n{{{{ name }}}}\n\nEnd\n"


def part_of(source: str, subtype: str = HTML) -> BodyPart:
    template = (language.HTML if subtype == HTML else language.TEXT).compile(split_tags(source))
    fixed = "".join(piece.text for piece in split_tags(source) if not piece.is_tag)
    return body_part(subtype, template, fixed)


@pytest.mark.parametrize(
    ("source", "name", "may_be_eight_bit", "encoding"),
    [
        ("a {{ name }}\n", "Ann", True, "quoted-printable"),
        ("a {{ name }}\n", "Jürgen", False, "quoted-printable"),
        (CONDITION, "Ann", True, "quoted-printable"),
        (CYRILLIC, "Олена", True, "8bit"),
        (CYRILLIC, "Олена", False, "base64"),
        (CYRILLIC, "Олена" * 100, True, "base64"),
    ],
)
@pytest.mark.parametrize("subtype", [HTML, PLAIN])
def test_part_is_written_as_the_server_takes_it(
    source: str, name: str, may_be_eight_bit: bool, encoding: str, subtype: str
) -> None:
    assert_written(part_of(source, subtype), name, may_be_eight_bit, encoding)


@pytest.mark.parametrize(
    ("source", "may_be_eight_bit", "encoding"),
    [
        (ALONE, True, "8bit"),
        (ALONE, False, "quoted-printable"),
        (ALONE_ASCII, True, "7bit"),
        (ALONE_LONG, True, "quoted-printable"),
        (CYRILLIC + "\n{{ name }}\n\n", True, "8bit"),
        (CYRILLIC + "\n{{ name }}\n\n", False, "base64"),
    ],
)
def test_text_that_cannot_be_spliced_is_sent_as_it_is_where_that_is_taken(
    source: str, may_be_eight_bit: bool, encoding: str
) -> None:
    assert_written(part_of(source, PLAIN), "", may_be_eight_bit, encoding)


def assert_written(part: BodyPart, name: str, may_be_eight_bit: bool, encoding: str) -> None:
    written = part.write({"name": name}, {}, may_be_eight_bit=may_be_eight_bit)

    message = email.message_from_bytes(written.data)
    content = message.get_payload(decode=True)
    assert isinstance(content, bytes)
    assert message.get_content_type() == f"text/{part.subtype}"
    assert message["Content-Transfer-Encoding"] == encoding
    assert written.is_eight_bit is not written.data.isascii()
    assert written.is_encoded is (encoding in {"quoted-printable", "base64"})
    assert content.decode().replace("\r\n", "\n") == part.render({"name": name})


@pytest.mark.parametrize("name", ["Ann", "", "a\n\n\n\nb", "\n"])
def test_blank_lines_are_left_out_of_the_text_alone(name: str) -> None:
    source = "\n\na\n\n\n\nb {{ name }}\n\n{{ name }}\n\nc\n\n\n"
    for may_be_eight_bit in (True, False):
        for subtype in (HTML, PLAIN):
            part = part_of(source, subtype)
            written = part.write({"name": name}, {}, may_be_eight_bit=may_be_eight_bit)
            content = email.message_from_bytes(written.data).get_payload(decode=True)
            assert isinstance(content, bytes)
            text = content.decode().replace("\r\n", "\n")
            assert text == part.render({"name": name})
            assert ("\n\n\n" in text) is (subtype == HTML)
