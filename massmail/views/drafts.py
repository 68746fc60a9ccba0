"""What a live preview is told: a typed message built as a mail, or what is wrong with it."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.http import JsonResponse

from massmail.errors import MassmailError
from massmail.forms.problems import in_words
from massmail.models import EmlMessage
from massmail.services import versions
from massmail.utils.email_creators import MessageError, Problem
from massmail.views.framed import with_pictures
from massmail.views.samples import person_for, sample_of_message, signs_as


def draft_as_json(
    message: EmlMessage, user: User, chosen: str, *, fields: Mapping[str, str] | None = None
) -> JsonResponse:
    """Return the mail that a chosen person would get, and the problems that forbid sending it.

    `fields` maps the builder's names of fields to the form's, where they differ.
    """
    try:
        problems = versions.problems_of(message)
        mail = {} if problems else _mail(message, user, chosen)
    except MessageError as error:
        problems, mail = error.problems, {}
    except MassmailError as error:  # this person's data
        problems, mail = [Problem("", 0, str(error))], {}
    found = [_as_json(each, fields or {}) for each in problems]
    return JsonResponse({"problems": found, **mail})


def _mail(message: EmlMessage, user: User, chosen: str) -> dict[str, Any]:  # Any: JSON
    sample = sample_of_message(message)
    person = person_for(user, sample.message.variables, chosen=chosen)
    rendered = sample.render(person, sender_name=signs_as(user))
    return {
        "person": person.name,
        "subject": rendered.subject,
        "html": with_pictures(rendered, sample.message, sample.source),
        "text": rendered.text,
        "source": rendered.html,
        "size": sample.bytes_of(person),
    }


def _as_json(problem: Problem, fields: Mapping[str, str]) -> dict[str, Any]:  # Any: JSON
    field = fields.get(problem.field, problem.field)
    return {"field": field, "line": problem.line, "text": in_words(problem)}
