"""Sending a test mail of a message, from its page or that of a mailing out."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from common.ids import id_in
from massmail.errors import MassmailError, SendTestRefused
from massmail.forms.send_test_form import SendTestForm
from massmail.models import EmlMessage, MailingOut
from massmail.services import render, test_mails, versions
from massmail.utils.email_creators import compile_message
from massmail.views.access import user_of, visible_or_404
from massmail.views.samples import person_for, sentences


@require_POST
def send_test(request: HttpRequest, message_id: int) -> HttpResponse:
    """Send a test of a message that the user may read; `mailing_out` names the page to return to.

    Who may only look at messages sends none.
    """
    message = visible_or_404(request, EmlMessage, message_id, related=("signature",))
    if not request.user.has_perm("massmail.change_emlmessage"):
        raise PermissionDenied
    form = SendTestForm(user_of(request), request.POST)
    if form.is_valid():
        _send(request, message, form)
    else:
        for sentence in form.sentences():
            messages.error(request, sentence)
    return _back(request, message)


def _send(request: HttpRequest, message: EmlMessage, form: SendTestForm) -> None:
    """Send it, and say what became of it."""
    account, to = form.cleaned_data["account"], form.cleaned_data["to"]
    chosen = form.cleaned_data["person"]
    try:
        if chosen is None:
            variables = compile_message(versions.source_of(message)).variables
            person = person_for(user_of(request), variables)
        else:
            person = render.sample_person(chosen)
        reply = test_mails.send_test_mail(message, account=account, person=person, to=to)
    except SendTestRefused as refusal:
        text = _with_reply(_("The test was not sent."), str(refusal), refusal.reply)
        messages.error(request, text)
    except MassmailError as error:
        messages.error(request, " ".join([_("The test was not sent."), *sentences(error)]))
    else:
        text = _("The test is sent to %(to)s from %(account)s.")
        facts = {"to": to, "account": account.name}
        messages.success(request, _with_reply(text % facts, reply))


def _with_reply(*parts: str) -> str:
    """Return sentences; the last part is what the server said, if anything."""
    *sentences_, reply = parts
    if reply:
        sentences_.append(_("The server said: %(reply)s") % {"reply": reply})
    return " ".join(sentences_)


def _back(request: HttpRequest, message: EmlMessage) -> HttpResponse:
    """Return to the mailing out that was named, else to the message."""
    mailing_out_id = id_in(request.POST.get("mailing_out", ""))
    if mailing_out_id is not None:
        seen = MailingOut.objects.visible_to(user_of(request)).filter(pk=mailing_out_id)
        if seen.exists():
            return redirect("admin:massmail_mailingout_change", mailing_out_id)
    return redirect("admin:massmail_emlmessage_change", message.pk)
