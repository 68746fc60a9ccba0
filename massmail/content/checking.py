"""What keeps a message from being sent, found when it is saved: each problem with its line."""

from collections.abc import Collection, Iterable, Mapping

from django.utils.translation import gettext as _

from massmail.content import allowed, cleaning, language
from massmail.content.attachments import attachment_fault, sum_fault
from massmail.content.headers import CONTROLS
from massmail.content.images import image_type, media_links_as_tags
from massmail.content.pieces import unify_newlines
from massmail.content.problems import Problem
from massmail.content.source import MessageSource


def check_source(source: MessageSource, known_variables: Collection[str]) -> list[Problem]:
    """Return what the author has to change, in the order of the fields; empty if all is well.

    A name is known if the caller names it or the system fills it (`allowed.SYSTEM_VARIABLES`).
    """
    return _check(source.unified(), {*known_variables, *allowed.SYSTEM_VARIABLES})


def check_compiles(source: MessageSource) -> list[Problem]:
    """Return what keeps a unified source from being compiled; names of variables are not asked."""
    return _check(source, None)


def image_names(texts: str | Iterable[str]) -> set[str]:
    """Return the keys of the pictures that these texts show; a text that has errors shows none."""
    found: set[str] = set()
    for text in [texts] if isinstance(texts, str) else texts:
        template, _problems = language.check_language(_with_picture_tags(text), "")
        if template is not None:
            found.update(image for image, _line in template.images)
    return found


def used_names(text: str) -> set[str]:
    """Return the names of the variables in a text that has no errors."""
    template, _problems = language.check_language(text, "")
    return {name for name, _line in template.names} if template else set()


def _with_picture_tags(text: str) -> str:
    return media_links_as_tags(unify_newlines(text))


def _check(source: MessageSource, known: set[str] | None) -> list[Problem]:
    html_fields = {"content": source.content}
    text_fields = {"subject": source.subject, "preheader": source.preheader}
    (html_fields if source.signature_is_html else text_fields)["signature"] = source.signature
    problems: list[Problem] = []
    for field, text in text_fields.items():
        problems += _check_tags(field, text, known, images=None)
    for field, text in html_fields.items():
        found = _check_tags(field, text, known, images=source.images)
        problems += found if _is_too_long(found) else found + cleaning.check_html(text, field)
    problems += _check_one_line("subject", source.subject)
    problems += _check_styles(source.styles)
    problems += _check_size("prev_corr", source.prev_corr)
    problems += cleaning.check_literal(source.prev_corr, "prev_corr")
    problems += _check_attachments(source)
    order = ["subject", "preheader", "content", "styles", "signature", "prev_corr", "attachments"]
    return sorted(set(problems), key=lambda problem: (order.index(problem.field), problem))


def _is_too_long(problems: list[Problem]) -> bool:
    """Tell whether a field as a whole was refused: its HTML is not worth a look then."""
    return any(problem.line == 0 for problem in problems)


def _check_tags(
    field: str, text: str, known: set[str] | None, images: Mapping[str, bytes] | None
) -> list[Problem]:
    """Check the language of a field; `images` None means that it cannot show pictures."""
    template, problems = language.check_language(text, field)
    if template is None:
        return problems
    for name, line in template.names:
        if known is not None and name not in known:
            unknown = _("There is no variable “%(name)s”.") % {"name": name}
            problems.append(Problem(field, line, unknown))
    for image, line in template.images:
        problems += _check_image(field, image, line, images)
    return problems


def _check_image(
    field: str, image: str, line: int, images: Mapping[str, bytes] | None
) -> list[Problem]:
    if images is None:
        return [Problem(field, line, _("Pictures can stand in HTML only."))]
    if image_type(images.get(image, b"")):
        return []
    name = image.partition(":")[2]
    return [Problem(field, line, _("The picture “%(name)s” is missing.") % {"name": name})]


def _check_one_line(field: str, text: str) -> list[Problem]:
    if not CONTROLS.search(text):
        return []
    text = _("This has to be one line, without control characters.")
    return [Problem(field, 1, text)]


def _check_styles(styles: str) -> list[Problem]:
    """Check the CSS, which no cleaning sees: it stands in the mail as it is."""
    problems = _check_size("styles", styles)
    for number, line in enumerate(styles.split("\n"), start=1):
        if fault := allowed.css_fault(line):
            text = _("“%(css)s” cannot be used in a style.") % {"css": fault}
            problems.append(Problem("styles", number, text))
    if not problems and (fault := allowed.css_fault(styles)):
        text = _("“%(css)s” cannot be used in a style.") % {"css": fault}
        problems.append(Problem("styles", 0, text))
    return problems


def _check_size(field: str, text: str) -> list[Problem]:
    if len(text) <= language.MAX_SOURCE:
        return []
    text = _("This is longer than %(size)d characters.") % {"size": language.MAX_SOURCE}
    return [Problem(field, 0, text)]


def _check_attachments(source: MessageSource) -> list[Problem]:
    files = source.attachments
    faults = [attachment_fault(file.name, len(file.data)) for file in files]
    faults.append(sum_fault(sum(len(file.data) for file in files)))
    text = _("The file “%(name)s” is missing. Attach it again, or remove it.")
    faults += [text % {"name": name[:80]} for name in source.missing]
    return [Problem("attachments", 0, fault) for fault in faults if fault]
