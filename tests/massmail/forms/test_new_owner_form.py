import pytest
from django.contrib.auth.models import User

from massmail.forms.new_owner_form import NewOwnerForm
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


def test_those_offered_are_accepted():
    user = UserFactory.create()
    form = NewOwnerForm({"new_owner": user.pk}, offered=User.objects.all())

    assert form.is_valid()
    assert form.cleaned_data["new_owner"] == user


@pytest.mark.parametrize("value", ["", "x", "0"])
def test_nobody_else_is_accepted(value):
    form = NewOwnerForm({"new_owner": value}, offered=User.objects.all())

    assert not form.is_valid()


def test_two_forms_do_not_share_their_choice():
    user = UserFactory.create()
    empty = NewOwnerForm({"new_owner": user.pk}, offered=User.objects.none())
    NewOwnerForm(offered=User.objects.all())

    assert not empty.is_valid()


def test_form_not_sent_yet_has_no_errors():
    assert NewOwnerForm(offered=User.objects.all()).errors == {}
