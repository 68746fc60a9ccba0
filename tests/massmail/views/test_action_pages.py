from django.test import RequestFactory

from crm.models import Contact
from massmail.views.action_pages import changeable, is_confirmed
from tests.massmail.cast import Cast


def test_only_what_the_user_may_change_remains(cast: Cast, rf: RequestFactory) -> None:
    own = cast.contacts(2)
    foreign = cast.contacts(1).get()
    Contact.objects.filter(pk=foreign.pk).update(owner=cast.colleague)
    request = rf.post("/")
    request.user = cast.owner

    found = changeable(request, Contact.objects.filter(pk__in=[own[0].pk, foreign.pk]))

    assert list(found) == [own[0]]


def test_confirmation_is_one_word(rf: RequestFactory) -> None:
    answers = [is_confirmed(rf.post("/", data)) for data in ({}, {"confirmed": "yes"})]

    assert answers == [False, True]
