import pytest
from django.db.models import ProtectedError

from massmail.models import EmlMessage, MessageVersion
from tests.factories import EmlMessageFactory, MailingOutFactory

pytestmark = pytest.mark.django_db


def test_a_message_of_a_mailing_out_is_not_deleted():
    message = EmlMessageFactory.create()
    MailingOutFactory.create(message=message)
    with pytest.raises(ProtectedError):
        message.delete()


def test_a_message_with_a_version_is_not_deleted():
    message = EmlMessageFactory.create()
    MessageVersion.objects.create(message=message, digest="0" * 64, subject="s", content="c")
    with pytest.raises(ProtectedError):
        message.delete()


def test_any_other_is():
    EmlMessageFactory.create().delete()
    assert EmlMessage.objects.count() == 0


def test_the_newest_stands_first():
    first, second = EmlMessageFactory.create(), EmlMessageFactory.create()
    assert list(EmlMessage.objects.all()) == [second, first]
