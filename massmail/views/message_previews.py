"""The preview of a message, saved or as it is typed; a broken one says what is wrong and where."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST, require_safe

from massmail.errors import MassmailError
from massmail.forms.draft_form import DraftForm
from massmail.models import EmlMessage
from massmail.views.access import may_write_or_403, user_of, visible_or_404
from massmail.views.drafts import draft_as_json
from massmail.views.framed import framed_html, framed_problems, framed_text
from massmail.views.samples import person_for, sample_of_message, sentences, signs_as


@require_safe
def message_preview(request: HttpRequest, message_id: int) -> HttpResponse:
    """Show a message in a frame as `?person=` would read it; `?part=text` its text."""
    message = visible_or_404(request, EmlMessage, message_id, related=("signature", "owner"))
    chosen = request.GET.get("person", "")
    try:
        sample = sample_of_message(message)
        person = person_for(user_of(request), sample.message.variables, chosen=chosen)
        rendered = sample.render(person, sender_name=signs_as(message.owner))
    except MassmailError as error:
        return framed_problems(request, sentences(error))
    if request.GET.get("part") == "text":
        return framed_text(rendered.text)
    return framed_html(rendered, sample.message, sample.source)


@require_POST
def message_draft_preview(request: HttpRequest) -> JsonResponse:
    """Answer what is typed in the editor of a message, built as a mail."""
    may_write_or_403(request, EmlMessage)
    form = DraftForm(user_of(request), request.POST)
    form.is_valid()  # what cannot be read counts as empty: the builder says what is missing
    return draft_as_json(form.message(), user_of(request), form.cleaned_data.get("person", ""))
