import pytest
from django.db import IntegrityError
from django.db.models import ProtectedError

from massmail.models import MessageVersion, VersionFile
from tests.factories import EmlMessageFactory, MailingOutFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def version():
    return make(EmlMessageFactory.create())


def make(message, digest="a" * 64) -> MessageVersion:
    return MessageVersion.objects.create(message=message, digest=digest, subject="s", content="c")


def test_equal_versions_of_a_message_are_one_row(version):
    with pytest.raises(IntegrityError):
        make(version.message)


def test_other_content_or_another_message_is_another_row(version):
    make(version.message, "b" * 64)
    make(EmlMessageFactory.create())
    assert MessageVersion.objects.count() == 3


def test_what_a_mailing_out_sends_is_not_deleted(version):
    MailingOutFactory.create(message=version.message, message_version=version)
    with pytest.raises(ProtectedError):
        version.delete()


def test_its_files_are_bytes_in_order_and_go_with_it(version):
    for name, data in (("b.txt", b"\0\xff"), ("a.txt", b"")):
        VersionFile.objects.create(
            version=version, role="attachment", name=name, content_type="text/plain", data=data
        )
    found = [(str(file), bytes(file.data)) for file in version.files.all()]
    assert found == [("b.txt", b"\0\xff"), ("a.txt", b"")]
    version.delete()
    assert VersionFile.objects.count() == 0


def test_it_is_called_by_its_subject(version):
    assert str(version) == "s"
