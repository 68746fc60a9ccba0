"""The pages of the local mailbox: what it caught, one mail, the mail's HTML in a sandbox.

They exist only while a mailbox is configured (the demo does that), and for staff.
"""

from pathlib import Path

from django.conf import settings
from django.contrib import admin
from django.contrib.admin.views.decorators import staff_member_required
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_safe

from crm.demo import mailbox_mail
from crm.demo.mailbox_file import MailboxReader

PER_PAGE = 50
SANDBOX = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src data:;"
    " style-src 'unsafe-inline'; frame-ancestors 'self'"
)


@require_safe
@staff_member_required
def mailbox(request: HttpRequest) -> HttpResponse:
    """List the mails, newest first; `q` searches addresses and Message-IDs."""
    reader, search = _reader(), request.GET.get("q", "").strip()
    page = Paginator(range(reader.count(search)), PER_PAGE).get_page(request.GET.get("page"))
    mails = reader.newest(search=search, offset=PER_PAGE * (page.number - 1), limit=PER_PAGE)
    context = admin.site.each_context(request) | {
        "title": _("Mailbox"),
        "page": page,
        "search": search,
        "mails": [(mail, mailbox_mail.subject_of(mail.beginning or b"")) for mail in mails],
    }
    return render(request, "crm/mailbox/list.html", context)


@require_safe
@staff_member_required
def mailbox_mail_page(request: HttpRequest, number: int) -> HttpResponse:
    """Show one mail: headers, HTML, text, attachments, source."""
    mail = mailbox_mail.read(_content(number))
    context = admin.site.each_context(request) | {"title": mail.subject or _("No subject")}
    return render(request, "crm/mailbox/mail.html", context | {"mail": mail, "number": number})


@require_safe
@staff_member_required
@xframe_options_sameorigin
def mailbox_html(request: HttpRequest, number: int) -> HttpResponse:
    """Return the HTML of one mail, to be shown in a sandboxed frame: no script in it runs."""
    html = mailbox_mail.read(_content(number)).html
    response = render(request, "crm/mailbox/html.html", {"html": html})
    response["Content-Security-Policy"] = SANDBOX
    return response


def _reader() -> MailboxReader:
    if not settings.MASSMAIL_MAILBOX_FILE:
        raise Http404
    return MailboxReader(Path(settings.MASSMAIL_MAILBOX_FILE))


def _content(number: int) -> bytes:
    """Return a whole mail; 404 if it is not kept."""
    content = _reader().content(number)
    if content is None:
        raise Http404
    return content
