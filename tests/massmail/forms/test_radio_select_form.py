"""The types of recipients that a user may choose from."""

import pytest

from massmail.forms.radio_select_form import RadioSelectForm, recipient_types_for
from massmail.models import recipient_models
from tests.factories import ContactFactory
from tests.massmail.cast import Cast, make_cast


@pytest.fixture
def cast(db: None) -> Cast:
    return make_cast()


def test_types_are_those_of_the_registry_with_visible_people(cast: Cast) -> None:
    cast.contacts(2)
    ContactFactory.create(owner=cast.stranger)

    types = {each.value: each.number for each in recipient_types_for(cast.owner)}
    everything = {each.value: each.number for each in recipient_types_for(cast.superuser)}

    assert list(types) == [model._meta.model_name for model in recipient_models()]
    assert (types["contact"], everything["contact"]) == (2, 3)


def test_who_has_no_permission_has_no_types(cast: Cast) -> None:
    cast.owner.groups.clear()

    assert recipient_types_for(cast.owner) == []


@pytest.mark.parametrize(("value", "is_valid"), [("contact", True), ("user", False), ("", False)])
def test_form_takes_what_is_offered(cast: Cast, value: str, is_valid: bool) -> None:
    form = RadioSelectForm(recipient_types_for(cast.owner), {"recipient_type": value})

    assert form.is_valid() is is_valid
