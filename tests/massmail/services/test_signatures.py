"""One default signature for each owner: the latest that was made it."""

import pytest

from massmail.models import EmlMessage, Signature
from massmail.services.signatures import make_room_for_default, message_above
from tests.factories import SignatureFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_former_default_of_the_owner_steps_aside() -> None:
    owner = UserFactory.create()
    former = SignatureFactory.create(owner=owner, default=True)
    others = SignatureFactory.create(default=True)
    latest = SignatureFactory.build(owner=owner, default=True)

    make_room_for_default(signature=latest)
    latest.save()

    defaults = Signature.objects.filter(default=True)
    assert set(defaults) == {latest, others}
    assert not Signature.objects.get(pk=former.pk).default


def test_signature_that_is_no_default_moves_nobody() -> None:
    former = SignatureFactory.create(default=True)

    make_room_for_default(signature=SignatureFactory.build(owner=former.owner))

    assert Signature.objects.get().default


def test_saving_the_default_again_keeps_it() -> None:
    signature = SignatureFactory.create(default=True)

    make_room_for_default(signature=signature)

    assert Signature.objects.get().default


def test_message_above_is_not_saved_and_ends_with_the_signature() -> None:
    signature = SignatureFactory.build()

    message = message_above(signature)

    assert message.signature == signature
    assert EmlMessage.objects.count() == 0
