import pytest

from massmail.content import plain_text
from massmail.content.cleaning import clean
from massmail.content.pieces import Placeholders


def as_text(html: str) -> str:
    held = Placeholders()
    return held.readable(plain_text.from_html(clean(html, held), held))


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("<div>a</div><div>b</div>", "a\nb"),
        ("a<br>b<br><br><br>c", "a\nb\n\nc"),
        ("a\n  b&nbsp; <b> c</b>d", "a b cd"),
        ("<h1>a</h1>b", "a\n\nb"),
        ("<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>d", "- a\n- b\n  - c\n\nd"),
        ("<ol><li>a</li><li><p>b</p></li></ol>", "1. a\n2. b"),
        ('<a href="https://e.com/">shop</a>.', "shop <https://e.com/>."),
        ('<a href="https://e.com/">https://e.com/</a>', "https://e.com/"),
        ('<a href="mailto:a@e.com">a@e.com</a>', "a@e.com"),
        ('<a href="#top">up</a>', "up"),
        ('<a href="https://e.com/"><img src="cid:1" alt="Logo"></a>', "Logo <https://e.com/>"),
        ('<a href="{{ unsubscribe_url }}">{{ unsubscribe_url }}</a>', "{{ unsubscribe_url }}"),
        ("<table><tr><th>a</th><th>b</th></tr><tr><td>1</td><td>2</td></tr></table>", "a  b\n1  2"),
        ('<p>a</p><p style="display: none">pre</p><p>b</p>', "a\n\nb"),
        ("<blockquote><p>a</p><p>b</p></blockquote>c", "> a\n>\n> b\n\nc"),
        ("a<hr>b", "a\n\n--------------------\n\nb"),
        ("<pre>a\n  b</pre>c", "a\n  b\nc"),
        ("a&zwnj;&shy;b", "ab"),
        ("&lt;b&gt; &amp; &#123;", "<b> & {"),
        (
            "Hello {{ name }}, {% if x %}a{% else %}b{% endif %}!",
            "Hello {{ name }}, {% if x %}a{% else %}b{% endif %}!",
        ),
        (
            "<p>a</p>{% if x %}<p>b</p>{% endif %}<p>c</p>",
            "a\n\n{% if x %}\n\nb\n\n{% endif %}\n\nc",
        ),
        ("<!--[if mso]>a<![endif]-->b", "b"),
        ("", ""),
    ],
)
def test_from_html(html: str, expected: str) -> None:
    assert as_text(html) == expected


def test_quoted_marks_each_line() -> None:
    assert plain_text.quoted("a\n\nb") == "> a\n>\n> b"


def test_without_gaps_keeps_one_blank_line() -> None:
    assert plain_text.without_gaps("\na\n\n\n\nb\nc") == "a\n\nb\nc\n"
