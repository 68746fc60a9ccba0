"""The addresses of mass mailing; those in mails are short, without language or secret prefix.

The others are pages and acts of staff, each behind the admin's login.
"""

from collections.abc import Callable

from django.contrib import admin
from django.http import HttpResponseBase
from django.urls import URLPattern, path

from massmail.views import unsubscribes
from massmail.views.account_acts import (
    email_account_switch_off,
    email_account_switch_on,
    email_account_test_connection,
)
from massmail.views.audience_checks import (
    mailing_out_check,
    mailing_out_check_state,
    mailing_out_found,
    mailing_out_leave_out_found,
)
from massmail.views.campaign_acts import (
    mailing_out_cancel,
    mailing_out_count_as_sent,
    mailing_out_message,
    mailing_out_pause,
    mailing_out_resume,
    mailing_out_send_again,
    mailing_out_start,
    send_failed_recipients,
)
from massmail.views.charts import mailing_out_chart, mailing_out_numbers
from massmail.views.copy_message import copy_message
from massmail.views.deliveries import delivery, delivery_mail
from massmail.views.home import pause_all_sending, resume_all_sending
from massmail.views.message_previews import message_preview
from massmail.views.people import mailing_out_people
from massmail.views.progress import mailing_out_progress
from massmail.views.recipient_ids import failed_ids, successful_ids
from massmail.views.send_tests import send_test
from massmail.views.signature_previews import signature_preview


def staff(route: str, view: Callable[..., HttpResponseBase], name: str) -> URLPattern:
    """Return an address that only staff who are logged in reach."""
    return path(f"massmail/{route}", admin.site.admin_view(view), name=name)


_ID = "<int:mailing_out_id>/"
_MAILING_OUT = f"mailing-out/{_ID}"
_ACCOUNT = "account/<int:account_id>/"

urlpatterns = [
    path("unsubscribe/<uuid:uuid>/", unsubscribes.unsubscribe, name="unsubscribe"),
    path("unsubscribe_test/<str:signed>/", unsubscribes.unsubscribe_test, name="unsubscribe_test"),
    staff(f"{_MAILING_OUT}start/", mailing_out_start, "mailing_out_start"),
    staff(f"{_MAILING_OUT}pause/", mailing_out_pause, "mailing_out_pause"),
    staff(f"{_MAILING_OUT}resume/", mailing_out_resume, "mailing_out_resume"),
    staff(f"{_MAILING_OUT}cancel/", mailing_out_cancel, "mailing_out_cancel"),
    staff(f"{_MAILING_OUT}message/", mailing_out_message, "mailing_out_message"),
    staff(f"{_MAILING_OUT}count-as-sent/", mailing_out_count_as_sent, "mailing_out_count_as_sent"),
    staff(f"{_MAILING_OUT}send-again/", mailing_out_send_again, "mailing_out_send_again"),
    staff(f"{_MAILING_OUT}progress/", mailing_out_progress, "mailing_out_progress"),
    staff(f"{_MAILING_OUT}people/", mailing_out_people, "mailing_out_people"),
    staff(f"{_MAILING_OUT}check/", mailing_out_check, "mailing_out_check"),
    staff(f"{_MAILING_OUT}check-state/", mailing_out_check_state, "mailing_out_check_state"),
    staff(f"{_MAILING_OUT}found/", mailing_out_found, "mailing_out_found"),
    staff(
        f"{_MAILING_OUT}leave-out-found/",
        mailing_out_leave_out_found,
        "mailing_out_leave_out_found",
    ),
    staff(f"{_MAILING_OUT}chart/", mailing_out_chart, "mailing_out_chart"),
    staff(f"{_MAILING_OUT}numbers/", mailing_out_numbers, "mailing_out_numbers"),
    staff("pause-all/", pause_all_sending, "pause_all_sending"),
    staff("resume-all/", resume_all_sending, "resume_all_sending"),
    staff(f"send-failed-recipients/{_ID}", send_failed_recipients, "send_failed_recipients"),
    staff(f"successful-ids/{_ID}", successful_ids, "successful_ids"),
    staff(f"failed-ids/{_ID}", failed_ids, "failed_ids"),
    staff("delivery/<int:delivery_id>/", delivery, "delivery"),
    staff("delivery/<int:delivery_id>/mail/", delivery_mail, "delivery_mail"),
    staff("message-preview/<int:message_id>/", message_preview, "message_preview"),
    staff("signature-preview/", signature_preview, "signature_preview"),
    staff("copy-message/<int:message_id>/", copy_message, "copy_message"),
    staff("send-test/<int:message_id>/", send_test, "send_test"),
    staff(f"{_ACCOUNT}switch-on/", email_account_switch_on, "account_switch_on"),
    staff(f"{_ACCOUNT}switch-off/", email_account_switch_off, "account_switch_off"),
    staff(f"{_ACCOUNT}test-connection/", email_account_test_connection, "account_test_connection"),
]
