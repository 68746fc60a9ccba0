"""A stored file goes with the last row that uses it, and not before."""

import pytest
from django.core.files.base import ContentFile

from common.models import TheFile
from massmail.models import EmlMessage
from tests.factories import EmlMessageFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def message():
    return EmlMessageFactory.create()


@pytest.fixture
def attached(message):
    return TheFile.objects.create(
        content_object=message, file=ContentFile(b"facts", name="facts.txt")
    )


def is_stored(row: TheFile) -> bool:
    return row.file.storage.exists(row.file.name or "")


def test_its_name_is_the_last_part_of_the_path(attached):
    assert attached.file.name.startswith("docs/")
    assert str(attached) == "facts.txt"


def test_the_object_knows_its_files(attached, message):
    assert list(message.files.all()) == [attached]
    assert attached.content_object == message


def test_deleting_the_last_row_deletes_the_file(attached, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        attached.delete()
    assert not is_stored(attached)


def test_the_file_stays_until_the_deletion_is_committed(
    attached, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=False):
        attached.delete()
    assert is_stored(attached)


def test_a_file_that_a_copy_shares_stays(attached, django_capture_on_commit_callbacks):
    copy = TheFile.objects.create(
        content_object=EmlMessageFactory.create(), file=attached.file.name
    )
    with django_capture_on_commit_callbacks(execute=True):
        attached.delete()
    assert is_stored(copy)
    with django_capture_on_commit_callbacks(execute=True):
        copy.delete()
    assert not is_stored(copy)


def test_deleting_the_object_deletes_its_rows_and_their_files(
    attached, message, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        message.delete()
    assert EmlMessage.objects.count() == TheFile.objects.count() == 0
    assert not is_stored(attached)
