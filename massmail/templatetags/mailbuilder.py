"""The language of messages: every tag and filter that an author may use, and no other.

The builder's engine has this library alone (`massmail.content.language`). `cid_media` and
`cid_static` put a picture into the mail; on a page they print its address.
"""

import re

from django.core.files.storage import default_storage
from django.template import Context, Library, Node, TemplateSyntaxError, defaultfilters, defaulttags
from django.template.base import Parser, Token
from django.templatetags.static import static
from django.utils.translation import gettext as _

FILTERS = ("default", "title", "upper", "lower", "date", "truncatechars")
MEDIA, STATIC = "media:", "static:"
MEDIA_FOLDER = "pics/"

_PICTURE_NAME = re.compile(r"[^\W_][\w .@()+,=~-]*(/[\w@(+~-][\w .@()+,=~-]*)*")
_MAX_NAME = 255

register = Library()
for _name in FILTERS:
    register.filters[_name] = defaultfilters.register.filters[_name]
register.tag("if", defaulttags.do_if)
register.tag("comment", defaulttags.comment)


class AuthorError(TemplateSyntaxError):
    """A refusal whose text is written for the author; Django's own texts are not.

    Like those it gets the `token` that it is about, from the parser.
    """

    token: Token


class PictureNode(Node):
    """A picture of the message; `image` is its key: the kind, a colon, the name."""

    def __init__(self, image: str) -> None:
        self.image = image

    def render(self, context: Context) -> str:
        """Return the address for a page; in a mail the content id has replaced the tag."""
        if self.image.startswith(STATIC):
            return static(self.image.removeprefix(STATIC))
        return default_storage.url(self.image.removeprefix(MEDIA))


@register.tag
def firstof(parser: Parser, token: Token) -> Node:
    """Print the first of the given values that is not empty."""
    if " as " in token.contents:
        raise AuthorError(_("“firstof” cannot keep its result under a name."))
    return defaulttags.firstof(parser, token)


@register.tag
def cid_media(parser: Parser, token: Token) -> PictureNode:
    """Show an uploaded picture: {% cid_media 'pics/logo.png' %}."""
    name = _literal_name(token)
    if not name.startswith(MEDIA_FOLDER):
        raise AuthorError(_bad_name(name))
    return PictureNode(MEDIA + name)


@register.tag
def cid_static(parser: Parser, token: Token) -> PictureNode:
    """Show a picture that belongs to the installation: {% cid_static 'massmail/logo.png' %}."""
    return PictureNode(STATIC + _literal_name(token))


def is_picture_name(name: str) -> bool:
    """Tell whether a name is relative and plain: no `..`, backslash, percent sign or control."""
    return len(name) <= _MAX_NAME and _PICTURE_NAME.fullmatch(name) is not None


def _literal_name(token: Token) -> str:
    """Return the one quoted name of a picture tag, checked."""
    bits = token.split_contents()
    quoted = bits[1] if len(bits) == 2 else ""
    if len(quoted) < 2 or quoted[0] not in "'\"" or quoted[-1] != quoted[0]:
        raise AuthorError(_("“%(tag)s” takes one name of a file, in quotes.") % {"tag": bits[0]})
    name = quoted[1:-1]
    if not is_picture_name(name):
        raise AuthorError(_bad_name(name))
    return name


def _bad_name(name: str) -> str:
    return _("“%(name)s” is not a name of a picture here.") % {"name": name[:80]}
