"""The preview of a signature: a document for a sandboxed frame, built as the end of a mail."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from massmail.errors import MassmailError
from massmail.models import EmlMessage, Signature
from massmail.views.access import user_of, visible_or_404
from massmail.views.framed import framed_html, framed_problems
from massmail.views.samples import person_for, sample_of_message, sentences


@require_safe
def signature_preview(request: HttpRequest) -> HttpResponse:
    """Show the signature that `?signature=` names."""
    chosen = request.GET.get("signature", "")
    if not chosen.isdecimal():
        raise Http404
    signature = visible_or_404(request, Signature, int(chosen))
    message = EmlMessage(subject="…", content="<p>…</p>", signature=signature)
    try:
        sample = sample_of_message(message)
        rendered = sample.render(person_for(user_of(request)))
    except MassmailError as error:
        return framed_problems(request, sentences(error))
    return framed_html(rendered, sample.message, sample.source)
