"""Problems of a message, put on the fields of the form that can solve them."""

from collections.abc import Mapping

from django import forms
from django.utils.translation import gettext as _

from massmail.errors import MassmailError
from massmail.models import EmlMessage
from massmail.services import versions
from massmail.utils.email_creators import Problem


def add_problems(
    form: forms.BaseForm, message: EmlMessage, fields: Mapping[str, str | None]
) -> None:
    """Check the message as the builder does, and put what it finds on the form.

    Attachments are left to the forms beside it, where a bad one can be removed.
    `fields` maps the builder's name of a field to the form's; None, or a name that is not there,
    means the form as a whole.
    """
    try:
        problems = versions.text_problems_of(message)
    except MassmailError as error:  # a picture that is not there
        form.add_error("content", str(error))
        return
    for problem in problems:
        field = fields.get(problem.field, problem.field)
        form.add_error(field if field in form.fields else None, in_words(problem))


def in_words(problem: Problem) -> str:
    """Return a problem with its line."""
    if not problem.line:
        return problem.text
    return _("Line %(line)d: %(text)s") % {"line": problem.line, "text": problem.text}
