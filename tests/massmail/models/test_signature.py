import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import ProtectedError

from massmail.models import Signature
from tests.factories import EmlMessageFactory, SignatureFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return UserFactory.create()


def test_an_owner_has_one_default(owner):
    SignatureFactory.create(owner=owner, default=True)
    with pytest.raises(IntegrityError):
        SignatureFactory.create(owner=owner, default=True)


def test_others_are_free_beside_the_default(owner):
    SignatureFactory.create(owner=owner, default=True)
    SignatureFactory.create_batch(2, owner=owner)
    SignatureFactory.create(default=True)
    assert Signature.objects.filter(default=True).count() == 2


def test_the_form_is_told_in_a_sentence(owner):
    SignatureFactory.create(owner=owner, default=True)
    with pytest.raises(ValidationError) as refused:
        SignatureFactory.build(owner=owner, default=True).full_clean()
    assert refused.value.messages == ["This owner already has a default signature."]


def test_the_message_of_a_deleted_signature_stays():
    signature = SignatureFactory.create()
    message = EmlMessageFactory.create(signature=signature)
    signature.delete()
    message.refresh_from_db()
    assert message.signature is None


def test_its_owner_is_not_deleted(owner):
    SignatureFactory.create(owner=owner)
    with pytest.raises(ProtectedError):
        owner.delete()


def test_a_stranger_does_not_see_it(owner):
    signature = SignatureFactory.create(owner=owner)
    assert list(Signature.objects.visible_to(owner)) == [signature]
    assert list(Signature.objects.visible_to(UserFactory.create())) == []


def test_it_is_called_by_its_name():
    assert str(SignatureFactory.build(name="Short")) == "Short"
