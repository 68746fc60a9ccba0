"""The preview of a message: a document for a sandboxed frame; a broken one says what is wrong."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from massmail.errors import MassmailError
from massmail.models import EmlMessage
from massmail.views.access import user_of, visible_or_404
from massmail.views.framed import framed_html, framed_problems, framed_text
from massmail.views.samples import person_for, sample_of_message, sentences


@require_safe
def message_preview(request: HttpRequest, message_id: int) -> HttpResponse:
    """Show a message as somebody of the user's own would read it; `?part=text` its text."""
    message = visible_or_404(request, EmlMessage, message_id, related=("signature",))
    try:
        sample = sample_of_message(message)
        rendered = sample.render(person_for(user_of(request), sample.message.variables))
    except MassmailError as error:
        return framed_problems(request, sentences(error))
    if request.GET.get("part") == "text":
        return framed_text(rendered.text)
    return framed_html(rendered, sample.message, sample.source)
