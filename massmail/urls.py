"""The addresses of mass mailing; those in mails are short, without language or secret prefix.

The others are pages and acts of staff, each behind the admin's login.
"""

from collections.abc import Callable, Iterator
from typing import Any

from django.contrib import admin
from django.http import HttpResponseBase
from django.urls import URLPattern, path

from massmail.models import recipient_models
from massmail.views import change_audience, unsubscribes
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
    mailing_out_copy,
    mailing_out_count_as_sent,
    mailing_out_message,
    mailing_out_pause,
    mailing_out_resume,
    mailing_out_send_again,
    mailing_out_start,
    mailing_out_to_these,
    mailing_out_use_new_version,
)
from massmail.views.change_audience import count_change
from massmail.views.charts import mailing_out_chart, mailing_out_numbers
from massmail.views.copy_message import copy_message
from massmail.views.deliveries import delivery, delivery_mail
from massmail.views.exclude_recipients import (
    exclude_recipients,
    mailing_out_leave_out,
    mailing_out_put_back,
)
from massmail.views.file_upload import pic_upload
from massmail.views.get_oauth2_tokens import (
    email_account_disconnect,
    get_refresh_token,
    request_authorization_code,
)
from massmail.views.got_massmails import got_massmails
from massmail.views.home import pause_all_sending, resume_all_sending
from massmail.views.make_massmail import count_massmail, make_massmail
from massmail.views.message_previews import message_draft_preview, message_preview
from massmail.views.people import mailing_out_people
from massmail.views.people_export import mailing_out_people_export
from massmail.views.picture_files import linked_picture, picture_file, picture_thumbnail
from massmail.views.progress import mailing_out_progress
from massmail.views.recipient_ids import failed_ids, successful_ids
from massmail.views.sample_people import sample_people
from massmail.views.select_recipient_type import select_recipient_type
from massmail.views.send_failed_recipients import send_failed_recipients
from massmail.views.send_tests import send_test
from massmail.views.show_uploaded_images import (
    picture_delete,
    picture_rename,
    show_uploaded_images,
)
from massmail.views.signature_previews import signature_draft_preview, signature_preview


def staff(
    route: str,
    view: Callable[..., HttpResponseBase],
    name: str,
    *,
    cacheable: bool = False,
    **facts: Any,  # whatever the view takes besides
) -> URLPattern:
    """Return an address that only staff who are logged in reach."""
    return path(f"massmail/{route}", admin.site.admin_view(view, cacheable), facts, name=name)


def of_recipient_types() -> Iterator[URLPattern]:
    """Return the pages that each recipient type has."""
    for model in recipient_models():
        kind = model._meta.model_name
        make, got = f"{kind}/make-massmail/", model.GOT_WORD or kind
        yield staff(make, make_massmail, f"{kind}_make_massmail", model=model)
        yield staff(f"{make}count/", count_massmail, f"{kind}_count_massmail", model=model)
        route = f"got-{got}-massmails/<int:recipient_id>/"
        yield staff(route, got_massmails, f"got_{got}_massmails", model=model)


def changing_audience(route: str, change: change_audience.Change) -> Iterator[URLPattern]:
    """Return the filter form that changes the people of a draft, and the count of it."""
    view, name = change_audience.change_audience, change.url_name
    yield staff(route, view, name, change=change)
    yield staff(f"{route}count/", count_change, f"{name}_count", change=change)


_ID = "<int:mailing_out_id>/"
_MAILING_OUT = f"mailing-out/{_ID}"
_ACCOUNT = "account/<int:account_id>/"

urlpatterns = [
    path("pictures/<uuid:public_id>.<slug:extension>", linked_picture, name="linked_picture"),
    path(
        "media/pics/<str:name>",
        admin.site.admin_view(picture_file, cacheable=True),
        name="picture_file",
    ),
    staff("pic-upload/", pic_upload, "pic_upload"),
    staff("show-uploaded-images/", show_uploaded_images, "show_uploaded_images"),
    staff(
        "picture/<int:picture_id>/thumbnail/",
        picture_thumbnail,
        "picture_thumbnail",
        cacheable=True,
    ),
    staff("picture/<int:picture_id>/rename/", picture_rename, "picture_rename"),
    staff("picture/<int:picture_id>/delete/", picture_delete, "picture_delete"),
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
    staff(f"{_MAILING_OUT}people.csv", mailing_out_people_export, "mailing_out_people_export"),
    staff(f"{_MAILING_OUT}to-these/", mailing_out_to_these, "mailing_out_to_these"),
    staff(f"{_MAILING_OUT}copy/", mailing_out_copy, "mailing_out_copy"),
    staff(
        f"{_MAILING_OUT}use-new-version/",
        mailing_out_use_new_version,
        "mailing_out_use_new_version",
    ),
    staff(f"{_MAILING_OUT}leave-out/", mailing_out_leave_out, "mailing_out_leave_out"),
    staff(f"{_MAILING_OUT}put-back/", mailing_out_put_back, "mailing_out_put_back"),
    *changing_audience(f"{_MAILING_OUT}add-people/", change_audience.ADD),
    *changing_audience(f"{_MAILING_OUT}leave-out-people/", change_audience.LEAVE_OUT),
    staff(f"exclude-recipients/{_ID}", exclude_recipients, "exclude_recipients"),
    staff("select-recipient-type/", select_recipient_type, "select_recipient_type"),
    *of_recipient_types(),
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
    staff("message-draft-preview/", message_draft_preview, "message_draft_preview"),
    staff("signature-preview/", signature_preview, "signature_preview"),
    staff("signature-draft-preview/", signature_draft_preview, "signature_draft_preview"),
    staff("sample-people/", sample_people, "sample_people"),
    staff("copy-message/<int:message_id>/", copy_message, "copy_message"),
    staff("send-test/<int:message_id>/", send_test, "send_test"),
    staff(f"{_ACCOUNT}switch-on/", email_account_switch_on, "account_switch_on"),
    staff(f"{_ACCOUNT}switch-off/", email_account_switch_off, "account_switch_off"),
    staff(f"{_ACCOUNT}test-connection/", email_account_test_connection, "account_test_connection"),
    staff(f"{_ACCOUNT}connect/", request_authorization_code, "request_authorization_code"),
    staff(f"{_ACCOUNT}disconnect/", email_account_disconnect, "email_account_disconnect"),
    # where providers send browsers back to; this address is registered with them
    path("OAuth-2/authorize/", admin.site.admin_view(get_refresh_token), name="get_refresh_token"),
]
