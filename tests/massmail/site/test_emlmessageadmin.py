"""Messages in the admin: what cannot be sent is refused, what is used is kept."""

import re

import pytest
from django.conf import LazySettings
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from common.models import TheFile
from massmail.models import EmlMessage
from tests.factories import SignatureFactory
from tests.massmail.cast import Cast

LIST = "admin:massmail_emlmessage_changelist"
ADD = "admin:massmail_emlmessage_add"
PREFIX = "common-thefile-content_type-object_id"
NO_FILES = {f"{PREFIX}-TOTAL_FORMS": 0, f"{PREFIX}-INITIAL_FORMS": 0}


@pytest.fixture
def owner(client: Client, cast: Cast) -> Client:
    client.force_login(cast.owner)
    return client


def data_for(cast: Cast, **values: object) -> dict[str, object]:
    return {
        "subject": "News",
        "content": "<p>News</p>",
        "owner": cast.owner.pk,
        **NO_FILES,
        **values,
    }


def test_message_is_added(owner: Client, cast: Cast) -> None:
    owner.post(reverse(ADD), data_for(cast, subject="News for {{ first_name }}"))

    message = EmlMessage.objects.get()
    assert (message.subject, message.owner) == ("News for {{ first_name }}", cast.owner)
    assert message.department == cast.department


@pytest.mark.parametrize(
    ("values", "field", "text"),
    [
        ({"subject": "{{ frist_name }}"}, "subject", "Line 1: There is no variable “frist_name”."),
        (
            {"content": "<p>\n{{ frist_name }}</p>"},
            "content",
            "Line 2: There is no variable “frist_name”.",
        ),
        (
            {"content": "<p>x</p>\n\n<script>alert(1)</script>"},
            "content",
            "Line 3: The element “script” cannot be used in a mail.",
        ),
        (
            {"content": "<img src=\"{% cid_media 'pics/no.png' %}\">"},
            "content",
            "Line 1: The picture “pics/no.png” is missing.",
        ),
    ],
)
def test_problem_stands_on_its_field(
    owner: Client, cast: Cast, values: dict[str, str], field: str, text: str
) -> None:
    response = owner.post(reverse(ADD), data_for(cast, **values))

    assert text in response.context["adminform"].form.errors[field]
    assert not EmlMessage.objects.exists()


def test_attachment_is_saved_with_the_message(owner: Client, cast: Cast) -> None:
    data = data_for(cast) | {
        f"{PREFIX}-TOTAL_FORMS": 1,
        f"{PREFIX}-0-file": SimpleUploadedFile("terms.pdf", b"%PDF-1.4"),
    }

    owner.post(reverse(ADD), data)

    assert [str(file) for file in EmlMessage.objects.get().files.all()] == ["terms.pdf"]


def test_new_message_begins_with_the_default_signature(owner: Client, cast: Cast) -> None:
    signature = SignatureFactory.create(owner=cast.owner, default=True)

    form = owner.get(reverse(ADD)).context["adminform"].form

    assert form.initial["signature"] == signature.pk


def test_signatures_of_strangers_are_not_offered(owner: Client, cast: Cast) -> None:
    SignatureFactory.create(owner=cast.stranger)

    assert not owner.get(reverse(ADD)).context["adminform"].form.fields["signature"].queryset


def test_message_in_use_is_kept_with_a_word_about_it(owner: Client, cast: Cast) -> None:
    draft = cast.draft(number=1)
    assert draft.message is not None
    url = reverse("admin:massmail_emlmessage_delete", args=[draft.message.pk])

    response = owner.post(url, {"post": "yes"}, follow=True)

    assert "A mailing out uses this message: “Spring offer”. It is kept." in response.text
    assert EmlMessage.objects.exists()


def test_bulk_deletion_keeps_all_when_one_is_in_use(owner: Client, cast: Cast) -> None:
    draft, unused = cast.draft(number=1), cast.message()
    assert draft.message is not None
    chosen = [draft.message.pk, unused.pk]
    data = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}

    response = owner.post(reverse(LIST), data, follow=True)

    assert "A mailing out uses this message: “Spring offer”. It is kept." in response.text
    assert EmlMessage.objects.count() == 2


def test_bulk_deletion_asks_and_then_deletes_what_nothing_uses(owner: Client, cast: Cast) -> None:
    data = {"action": "delete_selected", "_selected_action": [cast.message().pk]}

    asked = owner.post(reverse(LIST), data)
    number_then = EmlMessage.objects.count()
    owner.post(reverse(LIST), {**data, "post": "yes"})

    assert "Are you sure" in asked.text
    assert (number_then, EmlMessage.objects.count()) == (1, 0)


def test_colleague_cannot_delete_in_bulk(client: Client, cast: Cast) -> None:
    client.force_login(cast.colleague)
    data = {"action": "delete_selected", "_selected_action": [cast.message().pk], "post": "yes"}

    response = client.post(reverse(LIST) + "?owner=all", data, follow=True)

    assert "Some of these messages belong to others. Choose your own only." in response.text
    assert EmlMessage.objects.count() == 1


def test_message_that_nothing_uses_can_be_deleted(owner: Client, cast: Cast) -> None:
    message = cast.message()

    owner.post(reverse("admin:massmail_emlmessage_delete", args=[message.pk]), {"post": "yes"})

    assert not EmlMessage.objects.exists()


def test_colleague_reads(client: Client, cast: Cast) -> None:
    message = cast.message()
    client.force_login(cast.colleague)
    url = reverse("admin:massmail_emlmessage_change", args=[message.pk])

    shown, changed = client.get(url), client.post(url, data_for(cast))

    assert (shown.status_code, changed.status_code) == (200, 403)
    assert 'name="subject"' not in shown.text


@pytest.mark.parametrize("page", ["change", "delete", "history"])
def test_strangers_find_nothing(client: Client, cast: Cast, page: str) -> None:
    message = cast.message()
    client.force_login(cast.stranger)

    url = reverse(f"admin:massmail_emlmessage_{page}", args=[message.pk])

    assert client.get(url).status_code == 404


def test_list_asks_as_many_questions_for_any_number(owner: Client, cast: Cast) -> None:
    counts = []
    for number in (2, 18):
        for _ in range(number):
            cast.message()
        owner.get(reverse(LIST))
        with CaptureQueriesContext(connection) as queries:
            owner.get(reverse(LIST))
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_list_shows_an_excerpt_of_the_text(owner: Client, cast: Cast) -> None:
    cast.message(content="<table><tr><td>Dear <b>{{ full_name }}</b>,\n  all</td></tr></table>")

    response = owner.get(reverse(LIST))

    assert "Dear {{ full_name }}, all" in response.text


@pytest.mark.parametrize("text", ["offer", "OUR NEWS"])
def test_messages_are_found_by_subject_and_content(owner: Client, cast: Cast, text: str) -> None:
    cast.message(subject="Spring offer", content="<p>Here are our news.</p>")
    cast.message(subject="x", content="<p>y</p>")

    response = owner.get(reverse(LIST), {"q": text})

    assert [message.subject for message in response.context["cl"].result_list] == ["Spring offer"]


# --- the page with the editor


def policies(client: Client, *urls: str) -> list[str]:
    return [client.get(url).headers["Content-Security-Policy"] for url in urls]


def test_pages_with_the_editor_alone_have_its_policy(
    owner: Client, cast: Cast, settings: LazySettings
) -> None:
    message = cast.message()
    change = reverse("admin:massmail_emlmessage_change", args=[message.pk])
    history = reverse("admin:massmail_emlmessage_history", args=[message.pk])

    found = policies(owner, reverse(ADD), change, history, reverse(LIST))

    loose, strict = settings.CONTENT_SECURITY_POLICY_EDITOR, settings.CONTENT_SECURITY_POLICY
    assert found == [loose, loose, strict, strict]


def test_form_that_is_refused_has_the_editor_again(
    owner: Client, cast: Cast, settings: LazySettings
) -> None:
    response = owner.post(reverse(ADD), data_for(cast, subject=""))

    policy = response.headers["Content-Security-Policy"]
    assert policy == settings.CONTENT_SECURITY_POLICY_EDITOR


def test_colleague_reads_with_a_preview_and_a_copy_but_no_editor(
    client: Client, cast: Cast, settings: LazySettings
) -> None:
    message = cast.message()
    client.force_login(cast.colleague)

    response = client.get(reverse("admin:massmail_emlmessage_change", args=[message.pk]))

    assert response.headers["Content-Security-Policy"] == settings.CONTENT_SECURITY_POLICY
    assert reverse("message_preview", args=[message.pk]) in response.text
    assert reverse("copy_message", args=[message.pk]) in response.text
    assert "data-draft-url" not in response.text
    assert "ckeditor" not in response.text


def test_page_offers_to_send_a_test_of_what_was_saved(owner: Client, cast: Cast) -> None:
    cast.account()
    message = cast.message()

    change = owner.get(reverse("admin:massmail_emlmessage_change", args=[message.pk])).text
    add = owner.get(reverse(ADD)).text

    url = reverse("send_test", args=[message.pk])
    assert (f'action="{url}"' in change, "send-test" in add) == (True, False)


def test_page_has_no_script_or_style_of_ours_inline(owner: Client, cast: Cast) -> None:
    message = cast.message()

    page = owner.get(reverse("admin:massmail_emlmessage_change", args=[message.pk])).text

    assert re.findall(r"<script(?![^>]*(?:src=|type=\"application/json\"))[^>]*>", page) == []
    assert re.findall(r"\sstyle=", page) == []


def test_attachments_are_listed_with_their_sizes(owner: Client, cast: Cast) -> None:
    message = cast.message()
    TheFile.objects.create(file=ContentFile(b"x" * 2048, name="a.txt"), content_object=message)
    gone = TheFile.objects.create(file=ContentFile(b"x", name="b.txt"), content_object=message)
    gone.file.storage.delete(str(gone.file.name))

    page = owner.get(reverse("admin:massmail_emlmessage_change", args=[message.pk])).text

    assert '<data value="2048" data-file-size>2.0\xa0KB</data>' in page
    assert "The file is missing. Attach it again, or delete it here." in page


def test_colleague_sees_names_and_sizes_of_attachments_and_no_link(
    client: Client, cast: Cast
) -> None:
    message = cast.message()
    TheFile.objects.create(file=ContentFile(b"x" * 2048, name="a.txt"), content_object=message)
    client.force_login(cast.colleague)

    page = client.get(reverse("admin:massmail_emlmessage_change", args=[message.pk])).text

    assert "a.txt" in page
    assert "2.0\xa0KB" in page
    assert "docs/" not in page


# --- beginning with another message


def test_copy_begins_with_the_texts_of_its_source(client: Client, cast: Cast) -> None:
    message = cast.message(subject="Theirs", preheader="soon", styles="p {color: red}")
    client.force_login(cast.colleague)
    signature = SignatureFactory.create(owner=cast.colleague, default=True)

    response = client.get(reverse(ADD), {"copy_emlmessage": message.pk})

    initial = response.context["adminform"].form.initial
    names = ("subject", "preheader", "content", "styles")
    assert [initial[name] for name in names] == [getattr(message, name) for name in names]
    assert initial["signature"] == signature.pk


def test_saved_copy_has_the_attachments_of_its_source(owner: Client, cast: Cast) -> None:
    message = cast.message()
    TheFile.objects.create(file=ContentFile(b"x", name="a.txt"), content_object=message)
    url = f"{reverse(ADD)}?copy_emlmessage={message.pk}"

    owner.post(url, data_for(cast, subject="Copy"))

    copy = EmlMessage.objects.get(subject="Copy")
    assert [str(file) for file in copy.files.all()] == ["a.txt"]


@pytest.mark.parametrize("chosen", ["", "x", "0", "9" * 40])
def test_copy_of_nothing_is_an_empty_form(owner: Client, cast: Cast, chosen: str) -> None:
    response = owner.get(reverse(ADD), {"copy_emlmessage": chosen})

    assert response.status_code == 200
    assert "content" not in response.context["adminform"].form.initial


def test_message_of_a_stranger_is_not_copied(client: Client, cast: Cast) -> None:
    message = cast.message(subject="Theirs")
    TheFile.objects.create(file=ContentFile(b"x", name="a.txt"), content_object=message)
    client.force_login(cast.stranger)
    url = f"{reverse(ADD)}?copy_emlmessage={message.pk}"

    initial = client.get(url).context["adminform"].form.initial
    client.post(url, data_for(cast, subject="Mine", owner=cast.stranger.pk))

    assert "subject" not in initial
    assert list(EmlMessage.objects.get(subject="Mine").files.all()) == []
