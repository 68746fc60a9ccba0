import pytest
from django.conf import settings
from django.template import Context, Engine, TemplateSyntaxError

from massmail.templatetags import mailbuilder


def render(source: str) -> str:
    engine = Engine(builtins=["massmail.templatetags.mailbuilder"])
    return engine.from_string(source).render(Context())


def test_library_offers_exactly_the_language() -> None:
    assert set(mailbuilder.register.tags) == {"if", "firstof", "comment", "cid_media", "cid_static"}
    assert set(mailbuilder.register.filters) == set(mailbuilder.FILTERS)


def test_pictures_on_a_page_have_their_address() -> None:
    assert render("{% cid_media 'pics/a.png' %}") == f"{settings.MEDIA_URL}pics/a.png"
    assert render('{% cid_static "massmail/a.png" %}').startswith(settings.STATIC_URL)


NAMES = [
    "",
    "/etc/passwd",
    "../a.png",
    "pics/../a.png",
    "pics/..",
    "pics/.hidden",
    "./pics/a.png",
    "pics//a.png",
    "pics\\a.png",
    "\\\\host\\a.png",
    "C:\\a.png",
    "C:/a.png",
    "pics/%2e%2e/a.png",
    "pics/a.png%00",
    "pics/a\0.png",
    "pics/a\n.png",
    "https://e.com/a.png",
    "pics/a?b.png",
    "pics/a*.png",
    "pics/<b>.png",
    "pics/" + "a" * 300,
]


@pytest.mark.parametrize("name", NAMES)
def test_name_that_could_leave_the_folder_is_refused(name: str) -> None:
    assert not mailbuilder.is_picture_name(name)
    for tag in ("cid_media", "cid_static"):
        with pytest.raises(TemplateSyntaxError):
            render(f"{{% {tag} '{name}' %}}" if "\n" not in name else f"{{% {tag} '/' %}}")


@pytest.mark.parametrize(
    "name", ["a.png", "pics/a.png", "pics/2026/Ärger (1).png", "a/b/c_d-e.f.gif"]
)
def test_plain_name_is_taken(name: str) -> None:
    assert mailbuilder.is_picture_name(name)


@pytest.mark.parametrize(
    "tag",
    [
        "cid_media name",
        "cid_media",
        "cid_media 'pics/a.png' 'b'",
        "cid_media 'a.png'",
        "cid_media 'pics/a.png\"",
    ],
)
def test_picture_takes_one_literal_below_its_folder(tag: str) -> None:
    with pytest.raises(mailbuilder.AuthorError):
        render(f"{{% {tag} %}}")


def test_firstof_keeps_nothing() -> None:
    with pytest.raises(mailbuilder.AuthorError):
        render("{% firstof a b as c %}")
