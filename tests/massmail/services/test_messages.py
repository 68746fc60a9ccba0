"""Copies of messages, and the sentences that say why one is kept."""

import pytest
from django.core.files.base import ContentFile

from common.models import TheFile
from massmail.models import EmlMessage, MailingOut
from massmail.services import versions
from massmail.services.messages import copy_message, signature_for, why_kept
from tests.factories import SignatureFactory
from tests.massmail.cast import Cast, make_cast


@pytest.fixture
def cast(db) -> Cast:
    return make_cast()


def reason(cast: Cast, message: EmlMessage, user: str = "owner") -> str:
    chosen = EmlMessage.objects.filter(pk=message.pk)
    return why_kept(messages=chosen, user=getattr(cast, user))


def test_copy_has_all_texts_and_files_and_belongs_to_the_user(cast: Cast) -> None:
    message = cast.message(styles="p {color: red}", preheader="soon", prev_corr="> before")
    TheFile.objects.create(file=ContentFile(b"x", name="terms.txt"), content_object=message)

    copy = copy_message(message=message, user=cast.colleague)

    texts = ("subject", "preheader", "content", "styles", "prev_corr")
    assert [getattr(copy, name) for name in texts] == [getattr(message, name) for name in texts]
    assert (copy.owner, copy.department) == (cast.colleague, cast.department)
    assert [str(file) for file in copy.files.all()] == ["terms.txt"]


def test_signature_of_somebody_else_gives_way_to_ones_own(cast: Cast) -> None:
    theirs = SignatureFactory.create(owner=cast.owner)
    own = SignatureFactory.create(owner=cast.colleague, default=True)
    message = cast.message(signature=theirs)

    found = [signature_for(message=message, user=user) for user in (cast.owner, cast.colleague)]

    assert found == [theirs, own]


def test_unused_message_has_no_reason_to_be_kept(cast: Cast) -> None:
    assert reason(cast, cast.message()) == ""


def test_one_use_is_named(cast: Cast) -> None:
    draft = cast.draft(number=1)
    assert draft.message is not None

    assert reason(cast, draft.message) == (
        "A mailing out uses this message: “Spring offer”. It is kept."
    )


def test_many_uses_are_counted_and_the_latest_named(cast: Cast) -> None:
    message = cast.message()
    for number in range(7):
        cast.draft(number=1, message=message, name=f"Offer {number}")

    assert reason(cast, message) == (
        "7 mailing outs use this message:"
        " “Offer 6”, “Offer 5”, “Offer 4”, “Offer 3”, “Offer 2” and 2 more. It is kept."
    )


def test_uses_that_the_user_may_not_see_are_not_named(cast: Cast) -> None:
    draft = cast.draft(number=1)
    assert draft.message is not None

    assert reason(cast, draft.message, "stranger") == (
        "A mailing out of somebody else uses this message. It is kept."
    )


def test_message_that_was_sent_is_kept_without_its_mailing_out(cast: Cast) -> None:
    message = cast.message()
    versions.freeze(message)

    assert MailingOut.objects.count() == 0
    assert reason(cast, message) == (
        "Mails of this message were sent. It is kept as the record of what was sent."
    )
