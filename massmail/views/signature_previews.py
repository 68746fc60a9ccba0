"""The preview of a signature, saved or as it is typed, built as the end of a mail."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST, require_safe

from common.ids import id_in
from massmail.errors import MassmailError
from massmail.forms.draft_form import SignatureDraftForm
from massmail.models import Signature
from massmail.services.signatures import message_above
from massmail.views.access import may_write_or_403, user_of, visible_or_404
from massmail.views.drafts import draft_as_json
from massmail.views.framed import framed_html, framed_problems
from massmail.views.samples import person_for, sample_of_message, sentences, signs_as


@require_safe
def signature_preview(request: HttpRequest) -> HttpResponse:
    """Show in a frame the signature that `?signature=` names."""
    chosen = id_in(request.GET.get("signature", ""))
    if chosen is None:
        raise Http404
    signature = visible_or_404(request, Signature, chosen, related=("owner",))
    try:
        sample = sample_of_message(message_above(signature))
        person = person_for(user_of(request))
        rendered = sample.render(person, sender_name=signs_as(signature.owner))
    except MassmailError as error:
        return framed_problems(request, sentences(error))
    return framed_html(rendered, sample.message, sample.source)


@require_POST
def signature_draft_preview(request: HttpRequest) -> JsonResponse:
    """Answer what is typed in the editor of a signature, built as the end of a mail."""
    may_write_or_403(request, Signature)
    form = SignatureDraftForm(user_of(request), request.POST)
    form.is_valid()  # what cannot be read counts as empty
    chosen = form.cleaned_data.get("person", "")
    own = {"signature": "content"}
    return draft_as_json(form.message(), user_of(request), chosen, fields=own)
