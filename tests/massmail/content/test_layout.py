from django.utils import translation

from massmail.content.layout import Layout, compose
from massmail.content.pieces import Piece
from massmail.content.source import MessageSource


def as_written(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def composed(**fields: object) -> Layout:
    source = MessageSource(**({"subject": "", "content": "<p>Hello</p>"} | fields))  # type: ignore[arg-type]
    return compose(source.unified(), {"media:pics/a.png": "cid:1@massmail"})


def test_empty_parts_leave_nothing_behind() -> None:
    layout = composed(content="<p>Hello {{ unsubscribe_url }}</p>")

    html = as_written(layout.html)
    assert as_written(layout.text) == "Hello {{ unsubscribe_url }}\n"
    assert html[html.index("<body>") :].split() == [
        "<body>",
        "<p>Hello",
        "{{",
        "unsubscribe_url",
        "}}</p>",
        "</body></html>",
    ]
    assert "<style" not in html


def test_unsubscribe_line_is_added_to_both_parts_where_it_is_missing() -> None:
    layout = composed()

    assert as_written(layout.text) == (
        "Hello\n\nYou no longer want these mails? Unsubscribe: {{ unsubscribe_url }}\n"
    )
    assert '<a href="{{ unsubscribe_url }}">Unsubscribe</a>' in as_written(layout.html)


def test_unsubscribe_line_is_not_added_where_the_author_has_one() -> None:
    for fields in (
        {"content": "<a href='{{ unsubscribe_url }}'>stop</a>"},
        {"signature": "<a href='{{ unsubscribe_url }}'>stop</a>"},
        {"signature": "{{ unsubscribe_url }}", "signature_is_html": False},
    ):
        layout = composed(**fields)
        assert as_written(layout.html).count("unsubscribe_url") == 1
        assert as_written(layout.text).count("unsubscribe_url") == 1


def test_unsubscribe_link_in_a_comment_or_an_earlier_mail_does_not_count() -> None:
    layout = composed(
        content="a{# {{ unsubscribe_url }} #}{% comment %}{{ unsubscribe_url }}{% endcomment %}",
        prev_corr="{{ unsubscribe_url }}",
    )

    assert [piece.text for piece in layout.text if piece.is_tag] == ["{{ unsubscribe_url }}"]


def test_unsubscribe_line_speaks_the_active_language() -> None:
    with translation.override("ar"):
        assert '<html lang="ar" dir="rtl">' in as_written(composed().html)


def test_plain_signature_is_escaped_in_html_and_as_it_is_in_text() -> None:
    layout = composed(signature="<Ann> & {{ title }}\r\nSales", signature_is_html=False)

    assert "&lt;Ann&gt; &amp; {{ title }}<br>Sales" in as_written(layout.html)
    assert "<Ann> & {{ title }}\nSales" in as_written(layout.text)


def test_html_signature_is_cleaned() -> None:
    layout = composed(signature="<p onclick='x'>Ann</p><script>y</script>")

    assert "<p>Ann</p></div>" in as_written(layout.html)


def test_previous_correspondence_is_quoted_and_literal() -> None:
    plain = composed(prev_corr="a {{ b }}\n> c & d")
    markup = composed(prev_corr="<p onclick='x'>a {% if %}</p><p>c</p>")

    assert "\n\n> a {{ b }}\n> > c & d\n\n" in as_written(plain.text)
    assert "a {{ b }}<br>&gt; c &amp; d</blockquote>" in as_written(plain.html)
    assert "\n\n> a {% if %}\n>\n> c\n\n" in as_written(markup.text)
    assert "<p>a {% if %}</p><p>c</p></blockquote>" in as_written(markup.html)
    assert [piece.text for piece in plain.html + markup.html if piece.is_tag] == [
        "{{ unsubscribe_url }}"
    ] * 2


def test_css_is_inlined_and_the_rest_stays_in_the_head() -> None:
    layout = composed(
        content="<p class='a'>x</p><a href='https://e.com'>y</a>",
        styles='.a { color: red; font-family: "A B" } a:hover { color: blue }'
        " @media (max-width: 9px) { .a { color: blue } }",
    )

    html = as_written(layout.html)
    assert '<p class="a" style="color: red;font-family: \'A B\';">x</p>' in html
    head = html[: html.index("</head>")]
    assert "a:hover" in head
    assert "@media" in head
    assert "color: red" not in head


def test_preheader_is_hidden_and_not_in_the_text() -> None:
    layout = composed(preheader="<First> {{ name }}")

    assert "&lt;First&gt; {{ name }}</div>" in as_written(layout.html)
    assert "First" not in as_written(layout.text)


def test_title_is_the_subject() -> None:
    layout = composed(subject="A </title><b> {{ name }}")

    assert "<title>A &lt;/title&gt;&lt;b&gt; {{ name }}</title>" in as_written(layout.html)


def test_pictures_have_their_content_id() -> None:
    layout = composed(content="<img alt='Logo' src=\"{% cid_media 'pics/a.png' %}\">")

    assert '<img alt="Logo" src="cid:1@massmail">' in as_written(layout.html)
    assert as_written(layout.text).startswith("Logo\n")


def test_conditions_stay_between_table_rows() -> None:
    table = (
        "<table><tbody>{% if x %}<tr><td>a</td></tr>{% endif %}<tr><td>b</td></tr></tbody></table>"
    )

    assert table in as_written(composed(content=table).html)
