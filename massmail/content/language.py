"""The restricted template language: names, six filters, conditions, pictures.

A Django engine without loaders, whose only library is `massmail.templatetags.mailbuilder`, and a
parser that refuses dotted names and literals that would print as markup. Compiled from pieces,
never from a string, so text cannot turn into tags. `fill` takes plain values alone.
"""

import datetime
import re
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any  # what Django's filters take and return

from django.template import Context, Engine, Template, TemplateSyntaxError
from django.template.base import (
    FilterExpression,
    Node,
    NodeList,
    Parser,
    Token,
    TokenType,
    Variable,
)
from django.utils.translation import gettext as _

from massmail.content.pieces import Piece, split_tags, unify_newlines
from massmail.content.problems import BuildError, Problem
from massmail.templatetags.mailbuilder import AuthorError, PictureNode

Value = str | int | float | Decimal | datetime.date

MAX_OUTPUT = 1_000_000  # characters of one rendered part
MAX_SOURCE = 500_000  # characters of one field
MAX_VALUE = 10_000  # characters of one variable of one recipient
MAX_TAGS = 1_000  # with MAX_VALUE: bounds the memory of rendering before MAX_OUTPUT is asked
MAX_TAG = 500  # characters
MAX_DEPTH = 20  # conditions within conditions

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_RAW_IN_OUTPUT = re.compile(r"[<>&\\`\x00-\x1f\x7f]")
_TRANSLATED = re.compile(r"_\s*\(")
_UNSEEN = {code: None for code in (*range(32), 127) if chr(code) not in "\t\n"}
_TOKEN_TYPES = {"{%": TokenType.BLOCK, "{{": TokenType.VAR, "{#": TokenType.COMMENT}
_EXACT = frozenset({int, float, Decimal, bool, datetime.date, datetime.datetime})


class MailParser(Parser):
    """Django's parser, which notes the names used and refuses what the language has not."""

    def __init__(self, tokens: list[Token], engine: Engine) -> None:
        super().__init__(tokens, {}, engine.template_builtins)
        self.names: list[tuple[str, int]] = []
        self.line = 0

    def next_token(self) -> Token:
        token = super().next_token()
        self.line = token.lineno or 0
        return token

    def parse(self, parse_until: Iterable[str] | None = None) -> NodeList:
        if len(self.command_stack) > MAX_DEPTH:
            raise AuthorError(_("There are too many conditions within each other."))
        return super().parse(parse_until)

    def compile_filter(self, token: str) -> FilterExpression:
        if _RAW_IN_OUTPUT.search(token):
            raise AuthorError(
                _("Inside a tag, text in quotes cannot have any of these: < > & \\ `")
            )
        expression = super().compile_filter(token)
        self._check_operand(expression.var)
        for _function, arguments in expression.filters:
            for _is_lookup, argument in arguments:
                self._check_operand(argument)
        return expression

    def _check_operand(self, operand: object) -> None:
        if isinstance(operand, Variable):
            if operand.lookups is not None:
                self._note_name(operand.var)
        elif isinstance(operand, str) and '"' in operand:
            raise AuthorError(_("Text in quotes cannot have a double quote inside."))

    def _note_name(self, name: object) -> None:
        if not (isinstance(name, str) and _NAME.fullmatch(name)):
            raise AuthorError(
                _("“%(name)s” is not a name of a variable: letters, digits and “_” only.")
                % {"name": name}
            )
        self.names.append((name, self.line))

    def find_filter(self, filter_name: str) -> Callable[..., Any]:
        if filter_name not in self.filters:
            raise AuthorError(_("There is no filter “%(name)s”.") % {"name": filter_name})
        return self.filters[filter_name]

    def invalid_block_tag(
        self, token: Token, command: str, parse_until: Iterable[str] | None = None
    ) -> None:
        text = _("There is no tag “%(name)s”.")
        if command in {"elif", "else", "endif", "endcomment"}:
            text = _("“%(name)s” has no beginning before it.")
        raise self.error(token, AuthorError(text % {"name": command}))

    def unclosed_block_tag(self, parse_until: Iterable[str]) -> None:
        command, token = self.command_stack.pop()
        text = _("“%(name)s” is not closed: “end%(name)s” is missing.")
        raise self.error(token, AuthorError(text % {"name": command}))


class MailTemplate(Template):
    """A compiled text of a message. `names` and `images` have the line of each use."""

    names: list[tuple[str, int]]

    def __init__(self, pieces: Iterable[Piece], engine: Engine) -> None:
        self.tokens = [_token(piece) for piece in pieces]
        super().__init__("", engine=engine)

    def compile_nodelist(self) -> NodeList:
        parser = MailParser(self.tokens, self.engine)
        nodes = parser.parse()
        self.names = parser.names
        return nodes

    @property
    def images(self) -> list[tuple[str, int]]:
        """The keys of the pictures used, as `cid_media` and `cid_static` name them."""
        return [
            (node.image, node.token.lineno or 0)
            for node in self.nodelist.get_nodes_by_type(PictureNode)
            if isinstance(node, PictureNode) and node.token
        ]

    def fill(self, values: Mapping[str, Value]) -> str:
        """Render with these values; every name of the template must be among them.

        Raises BuildError when the result is too large or a filter cannot work on its value.
        """
        text = self._rendered(self.render, values)
        if len(text) > MAX_OUTPUT:
            raise BuildError(_("The text of the mail would be too long."))
        return text

    def print_tag(self, tag: Node, values: Mapping[str, Value]) -> str:
        """Render one tag of this template, with all that is in it; see `fill`."""
        return self._rendered(tag.render, values)

    def _rendered(self, render: Callable[[Context], str], values: Mapping[str, Value]) -> str:
        context = Context(dict(values), autoescape=self.engine.autoescape)
        try:
            return str.__str__(render(context))
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            raise BuildError(_("A variable has a value that its filter cannot use.")) from error


class MailEngine(Engine):
    """The engine of author texts: no loaders, and the allow-list library alone."""

    default_builtins = ["massmail.templatetags.mailbuilder"]

    def __init__(self, *, autoescape: bool) -> None:
        super().__init__(loaders=[], autoescape=autoescape)

    def compile(self, pieces: Iterable[Piece]) -> MailTemplate:
        """Compile pieces; raises TemplateSyntaxError."""
        return MailTemplate(pieces, self)


HTML = MailEngine(autoescape=True)  # variables are escaped
TEXT = MailEngine(autoescape=False)  # subjects and text parts, where nothing is escaped


def check_language(source: str, field: str) -> tuple[MailTemplate | None, list[Problem]]:
    """Compile one field for its names and pictures; without a template, the problems say why."""
    if len(source) > MAX_SOURCE:
        text = _("This is longer than %(size)d characters.") % {"size": MAX_SOURCE}
        return None, [Problem(field, 0, text)]
    pieces = list(split_tags(unify_newlines(source)))
    if sum(piece.is_tag for piece in pieces) > MAX_TAGS:
        text = _("There are more than %(count)d tags.") % {"count": MAX_TAGS}
        return None, [Problem(field, 0, text)]
    try:
        return TEXT.compile(pieces), []
    except TemplateSyntaxError as error:
        return None, [_problem(error, field)]


def plain_value(value: object) -> Value:
    """Return a value of a recipient as the context may hold it: plain, without controls.

    Text loses its control characters but tab and line end, lone surrogates, and any mark of being
    safe. Raises BuildError for anything but text, numbers and dates: no model, no lazy object, no
    function ever gets into a context.
    """
    if type(value) is str and len(value) <= MAX_VALUE and value.isprintable():
        return value  # nearly all
    if isinstance(value, str):
        return _plain_text(str.__str__(value))
    if type(value) in _EXACT:
        return value  # type: ignore[return-value]  # one of the exact types
    raise BuildError(_("A variable has a value that is no text, number or date."))


def _plain_text(text: str) -> str:
    if len(text) > MAX_VALUE:
        raise BuildError(_("A variable has a value that is too long."))
    if text.isprintable():
        return text
    return unify_newlines(text).translate(_UNSEEN)


def _token(piece: Piece) -> Token:
    """Return the piece as a token of Django's parser, with the checks that need the whole tag."""
    if not piece.is_tag:
        return Token(TokenType.TEXT, piece.text, None, piece.line)
    kind, contents = _TOKEN_TYPES[piece.text[:2]], piece.text[2:-2].strip()
    token = Token(kind, contents, None, piece.line)
    if kind is TokenType.COMMENT:
        return token
    if text := _tag_fault(contents):
        error = AuthorError(text)
        error.token = token
        raise error
    return token


def _tag_fault(contents: str) -> str:
    if not contents:
        return _("This tag is empty.")
    if len(contents) > MAX_TAG:
        return _("This tag is too long.")
    return _("“_(” is not offered in tags.") if _TRANSLATED.search(contents) else ""


def _problem(error: TemplateSyntaxError, field: str) -> Problem:
    """Say what the parser refused in plain words, with the line."""
    token: Token | None = getattr(error, "token", None)
    line = token.lineno or 0 if token else 0
    if isinstance(error, AuthorError):
        return Problem(field, line, str(error))
    contents = token.contents[:80] if token else ""
    text = _("This tag cannot be understood: %(tag)s") % {"tag": contents}
    return Problem(field, line, text)
