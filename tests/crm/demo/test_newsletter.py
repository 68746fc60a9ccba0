import io

import pytest
from django.core.files.storage import default_storage
from PIL import Image

from crm.demo.newsletter import add_newsletter
from crm.models import Contact
from massmail.content.images import load_images
from massmail.services import versions
from massmail.utils.email_creators import Person, compile_message, image_names
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def message():
    return add_newsletter(UserFactory.create(), None)


def test_nothing_forbids_sending_it(message):
    assert versions.problems_of(message) == []


def test_picture_is_a_real_one(message):
    (key,) = image_names(message.content)

    picture = Image.open(io.BytesIO(load_images([key])[key]))

    assert (picture.format, picture.size) == ("PNG", (320, 96))


def test_second_message_has_a_picture_of_its_own(message):
    other = add_newsletter(UserFactory.create(), None)

    assert image_names(other.content) != image_names(message.content)


def test_attachment_is_a_pdf(message):
    (attachment,) = message.files.all()

    with default_storage.open(attachment.file.name) as file:
        assert file.read(5) == b"%PDF-"


def test_variables_are_those_of_a_contact(message):
    compiled = compile_message(versions.source_of(message))

    assert compiled.variables - {"unsubscribe_url"} <= set(Contact.VARIABLES)


@pytest.mark.parametrize(
    ("variables", "subject", "greeting"),
    [
        ({"first_name": "Zoë"}, "Spring news for Zoë", "Good morning, Zoë!"),
        ({}, "Spring news for you", "Good morning!"),
    ],
)
def test_reads_well_with_and_without_a_name(message, variables, subject, greeting):
    person = Person(
        address="zoe@example.com",
        name="Zoë",
        variables=variables,
        unsubscribe_url="https://mail.example.com/unsubscribe/1/",
        message_id="<1@example.com>",
    )

    rendered = compile_message(versions.source_of(message)).render(person)

    assert rendered.subject == subject
    assert greeting in rendered.text
