"""The addresses: their names and shapes are fixed, and staff pages are behind the login."""

import uuid

import pytest
from django.urls import resolve, reverse

PUBLIC = uuid.UUID("12345678123456781234567812345678")

MAILS = {
    ("unsubscribe", PUBLIC): "/unsubscribe/12345678-1234-5678-1234-567812345678/",
    ("unsubscribe_test", "x:y"): "/unsubscribe_test/x:y/",
    ("linked_picture", PUBLIC, "png"): "/pictures/12345678-1234-5678-1234-567812345678.png",
}
STAFF = {
    ("message_preview", 7): "/massmail/message-preview/7/",
    ("signature_preview",): "/massmail/signature-preview/",
    ("reload_field",): "/massmail/reload-field/",
    ("send_failed_recipients", 7): "/massmail/send-failed-recipients/7/",
    ("successful_ids", 7): "/massmail/successful-ids/7/",
    ("failed_ids", 7): "/massmail/failed-ids/7/",
    ("copy_message", 7): "/massmail/copy-message/7/",
    ("mailing_out_start", 7): "/massmail/mailing-out/7/start/",
    ("mailing_out_pause", 7): "/massmail/mailing-out/7/pause/",
    ("mailing_out_resume", 7): "/massmail/mailing-out/7/resume/",
    ("mailing_out_cancel", 7): "/massmail/mailing-out/7/cancel/",
    ("mailing_out_progress", 7): "/massmail/mailing-out/7/progress/",
    ("mailing_out_people", 7): "/massmail/mailing-out/7/people/",
    ("mailing_out_people_export", 7): "/massmail/mailing-out/7/people.csv",
    ("mailing_out_to_these", 7): "/massmail/mailing-out/7/to-these/",
    ("mailing_out_copy", 7): "/massmail/mailing-out/7/copy/",
    ("mailing_out_use_new_version", 7): "/massmail/mailing-out/7/use-new-version/",
    ("mailing_out_count_as_sent", 7): "/massmail/mailing-out/7/count-as-sent/",
    ("mailing_out_send_again", 7): "/massmail/mailing-out/7/send-again/",
    ("mailing_out_add_people", 7): "/massmail/mailing-out/7/add-people/",
    ("mailing_out_add_people_count", 7): "/massmail/mailing-out/7/add-people/count/",
    ("mailing_out_leave_out_people", 7): "/massmail/mailing-out/7/leave-out-people/",
    ("mailing_out_leave_out_people_count", 7): "/massmail/mailing-out/7/leave-out-people/count/",
    ("mailing_out_leave_out", 7): "/massmail/mailing-out/7/leave-out/",
    ("mailing_out_put_back", 7): "/massmail/mailing-out/7/put-back/",
    ("exclude_recipients", 7): "/massmail/exclude-recipients/7/",
    ("select_recipient_type",): "/massmail/select-recipient-type/",
    ("contact_make_massmail",): "/massmail/contact/make-massmail/",
    ("contact_count_massmail",): "/massmail/contact/make-massmail/count/",
    ("company_make_massmail",): "/massmail/company/make-massmail/",
    ("lead_make_massmail",): "/massmail/lead/make-massmail/",
    ("guest_make_massmail",): "/massmail/guest/make-massmail/",
    ("got_contacts_massmails", 7): "/massmail/got-contacts-massmails/7/",
    ("got_company_massmails", 7): "/massmail/got-company-massmails/7/",
    ("got_leads_massmails", 7): "/massmail/got-leads-massmails/7/",
    ("got_guest_massmails", 7): "/massmail/got-guest-massmails/7/",
    ("delivery", 7): "/massmail/delivery/7/",
    ("delivery_mail", 7): "/massmail/delivery/7/mail/",
    ("pic_upload",): "/massmail/pic-upload/",
    ("show_uploaded_images",): "/massmail/show-uploaded-images/",
    ("picture_file", "a.png"): "/media/pics/a.png",
    ("picture_thumbnail", 7): "/massmail/picture/7/thumbnail/",
    ("picture_rename", 7): "/massmail/picture/7/rename/",
    ("picture_delete", 7): "/massmail/picture/7/delete/",
    ("account_switch_on", 7): "/massmail/account/7/switch-on/",
    ("request_authorization_code", 7): "/massmail/account/7/connect/",
    ("email_account_disconnect", 7): "/massmail/account/7/disconnect/",
    ("get_refresh_token",): "/OAuth-2/authorize/",
}


@pytest.mark.parametrize(("name", "path"), [*MAILS.items(), *STAFF.items()])
def test_names_and_shapes_are_fixed(name, path):
    assert reverse(name[0], args=name[1:]) == path
    assert resolve(path).url_name == name[0]


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("path", STAFF.values())
def test_staff_pages_ask_for_the_login(client, path, method):
    response = getattr(client, method)(path)
    assert response.status_code == 302
    assert response["Location"] == f"{reverse('admin:login')}?next={path}"


@pytest.mark.parametrize("path", ["/unsubscribe/7/", "/unsubscribe/../", "/massmail/delivery/x/"])
def test_what_is_no_address_is_not_found(client, path):
    assert client.get(path).status_code == 404
