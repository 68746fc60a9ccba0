import pytest
from django.core.exceptions import ValidationError

from massmail.models import EmlMessage
from massmail.models.baseeml import BaseEml
from tests.factories import EmlMessageFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_it_is_abstract_and_the_message_is_one():
    assert BaseEml._meta.abstract
    assert issubclass(EmlMessage, BaseEml)


def test_it_is_called_by_its_subject():
    assert str(EmlMessageFactory.build(subject="News")) == "News"


def test_subject_and_content_are_needed_and_nothing_else():
    with pytest.raises(ValidationError) as refused:
        EmlMessage(owner=UserFactory.create()).full_clean()
    assert set(refused.value.message_dict) == {"subject", "content"}


@pytest.mark.parametrize(("field", "length"), [("subject", 250), ("preheader", 150)])
def test_the_longest_text_that_fits(field, length):
    message = EmlMessageFactory.create(**{field: "x" * length})
    message.full_clean()
    setattr(message, field, "x" * (length + 1))
    with pytest.raises(ValidationError) as refused:
        message.full_clean()
    assert set(refused.value.message_dict) == {field}
