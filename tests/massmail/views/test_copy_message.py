"""Copies of messages."""

from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse

from common.models import TheFile
from massmail.models import EmlMessage
from tests.factories import SignatureFactory
from tests.massmail.cast import Cast


def test_copy_is_the_users_own(client: Client, cast: Cast) -> None:
    message = cast.message()
    client.force_login(cast.colleague)
    signature = SignatureFactory.create(owner=cast.colleague, default=True)

    client.post(reverse("copy_message", args=[message.pk]))

    copy = EmlMessage.objects.get(owner=cast.colleague)
    assert (copy.subject, copy.signature) == (message.subject, signature)


def test_copy_has_the_attachments_too(client: Client, cast: Cast) -> None:
    message = cast.message()
    TheFile.objects.create(file=ContentFile(b"prices", name="prices.txt"), content_object=message)
    client.force_login(cast.owner)

    client.post(reverse("copy_message", args=[message.pk]))

    copy = EmlMessage.objects.exclude(pk=message.pk).get()
    original, copied = message.files.get().file, copy.files.get().file
    assert copied.name == original.name
    message.files.get().delete()
    with copied.open() as stored:
        assert stored.read() == b"prices"


def test_stranger_cannot_copy(client: Client, cast: Cast) -> None:
    message = cast.message()
    client.force_login(cast.stranger)

    assert client.post(reverse("copy_message", args=[message.pk])).status_code == 404
    assert client.get(reverse("copy_message", args=[message.pk])).status_code == 405
    assert EmlMessage.objects.count() == 1
