"""What HTML and CSS of an author a mail may have: asked by the check and the cleaning alike."""

import re
from collections.abc import Callable

from django.utils.translation import gettext as _

from massmail.content.pieces import Placeholders

SYSTEM_URLS = frozenset({"unsubscribe_url"})  # the only variables at the beginning of a link
SYSTEM_VARIABLES = SYSTEM_URLS | {"sender_name"}  # filled by the builder, for every recipient


def _words(text: str) -> set[str]:
    return set(text.split())


ELEMENTS = _words(
    "a abbr b big blockquote br caption center code col colgroup del div em font h1 h2 h3 h4 h5 h6"
    " hr i img ins li ol p pre q s small span strike strong sub sup table tbody td tfoot th thead"
    " tr tt u ul"
)
REFUSED_ELEMENTS = _words(
    "applet audio base button canvas embed form frame frameset iframe input link math meta noscript"
    " object option script select style svg template textarea video xmp"
)
REMOVED_WITH_CONTENT = _words(
    "script style title textarea noscript iframe object svg math template xmp noembed noframes"
    " select head audio video canvas applet"
)
ATTRIBUTES = {
    "*": _words("style class width height align valign bgcolor border role lang dir title"),
    "table": {"cellpadding", "cellspacing", "background", "summary"},
    "td": {"colspan", "rowspan", "background", "nowrap"},
    "th": {"colspan", "rowspan", "background", "nowrap", "scope"},
    "a": {"href", "target", "name"},
    "img": {"src", "alt", "hspace", "vspace"},
    "font": {"color", "face", "size"},
    "col": {"span"},
    "ol": {"start", "type"},
    "ul": {"type"},
}
STYLE_PROPERTIES = _words(
    "background background-color background-image background-position background-repeat"
    " background-size border border-bottom border-bottom-color border-bottom-left-radius"
    " border-bottom-right-radius border-bottom-style border-bottom-width border-collapse"
    " border-color border-left border-left-color border-left-style border-left-width border-radius"
    " border-right border-right-color border-right-style border-right-width border-spacing"
    " border-style border-top border-top-color border-top-left-radius border-top-right-radius"
    " border-top-style border-top-width border-width box-shadow box-sizing caption-side clear color"
    " direction display float font font-family font-size font-style font-variant font-weight height"
    " letter-spacing line-height list-style list-style-position list-style-type margin"
    " margin-bottom margin-left margin-right margin-top max-height max-width min-height min-width"
    " mso-hide mso-line-height-rule mso-table-lspace mso-table-rspace mso-padding-alt"
    " -ms-text-size-adjust -webkit-text-size-adjust opacity overflow padding padding-bottom"
    " padding-left padding-right padding-top table-layout text-align text-decoration text-indent"
    " text-transform vertical-align visibility white-space width word-break word-spacing"
    " word-wrap"
)
URL_ATTRIBUTES = frozenset({"href", "src", "background"})
URL_SCHEMES = {"http", "https", "mailto", "tel", "cid"}

_HANDLER = re.compile(r"on\w|formaction$|srcdoc$")
_BAD_CSS = re.compile(
    r"expression|javascript|vbscript|behaviou?r\s*:|-moz-binding|@import|[\\<\x00]", re.IGNORECASE
)
_CSS_URL = re.compile(r"url\s*\(([^()]*)\)", re.IGNORECASE)
_CSS_URL_BEGIN = re.compile(r"url\s*\(", re.IGNORECASE)
_WEB_HOST = re.compile(r"https?://[^\s/?#\\@<>\"']+(?=[/?#]|\Z)", re.IGNORECASE)
_MAIL_OR_PHONE = re.compile(r"(mailto|tel|cid):[^\s<>\"'\\]*", re.IGNORECASE)
_SYSTEM_URL_TAG = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_PICTURE_TAG = re.compile(r"\{%\s*cid_(media|static)\s")
_INVISIBLE = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202e\ufeff]+")
_COMMENT_MARKS = re.compile(r"<!|-->|<\?")


def attribute_fault(
    element: str, attribute: str, value: str, held: Placeholders
) -> Callable[[], str] | None:
    """Return why an attribute cannot stay, as a function that words it; None if it can.

    The same answer drops the attribute in the cleaning step and names the line at saving.
    """
    if _HANDLER.match(attribute):
        return lambda: _("“%(name)s” would run a script.") % {"name": attribute}
    if _COMMENT_MARKS.search(value):
        return lambda: _("“%(name)s” cannot have a comment inside.") % {"name": attribute}
    if attribute == "style":
        return _style_fault(value, held)
    if attribute in URL_ATTRIBUTES:
        return _url_fault(attribute, value, held)
    return None


def css_fault(css: str, *, pictures: Callable[[str], bool] = lambda _address: False) -> str:
    """Return what a piece of CSS has that no mail may carry, or an empty text.

    `pictures` tells whether an address in `url()` that is not on the web is a picture's.
    """
    if bad := _BAD_CSS.search(css):
        return bad[0]
    addresses = _CSS_URL.findall(css)
    if len(addresses) != len(_CSS_URL_BEGIN.findall(css)):
        return "url("
    for quoted in addresses:
        address = quoted.strip(" \t\r\n\f'\"")
        if not (_WEB_HOST.match(address) or pictures(address)):
            return f"url({address[:40]})"
    return ""


def _style_fault(value: str, held: Placeholders) -> Callable[[], str] | None:
    tags = [held.held[int(match[1])].text for match in held.pattern.finditer(value)]
    if not all(_PICTURE_TAG.match(tag) for tag in tags):
        return lambda: _(
            "A style can have no tags but pictures: use a class, or a condition around the element."
        )
    fault = css_fault(value, pictures=lambda address: bool(held.pattern.fullmatch(address)))
    return (lambda: _("“%(css)s” cannot be used in a style.") % {"css": fault}) if fault else None


def _url_fault(attribute: str, value: str, held: Placeholders) -> Callable[[], str] | None:
    address = value.strip()
    if match := held.pattern.match(address):
        allowed = _may_begin_link(held.held[int(match[1])].text)
    elif host := _WEB_HOST.match(address):
        allowed = not (held.pattern.search(host[0]) or _INVISIBLE.search(host[0]))
    else:
        is_place = attribute == "href" and address.startswith("#")
        allowed = is_place or _MAIL_OR_PHONE.match(address) is not None
    if allowed:
        return None
    return lambda: _(
        "A link or picture begins with https:// and a fixed host, mailto:, tel:, #, a picture tag"
        " or {{ unsubscribe_url }}."
    )


def _may_begin_link(tag: str) -> bool:
    """Tell whether a tag prints a picture or an address of the system's own."""
    if system := _SYSTEM_URL_TAG.fullmatch(tag):
        return system[1] in SYSTEM_URLS
    return _PICTURE_TAG.match(tag) is not None
