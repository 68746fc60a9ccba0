"""What any type of recipient must do, as a test class to subclass.

@pytest.mark.django_db
class TestGuestAsRecipient(RecipientContract):
    def make(self, **fields):
        return GuestFactory(**fields)
"""

from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from common.models import OwnedQuerySet
from massmail.clock import database_now
from massmail.forms.audience_form import AudienceForm
from massmail.models import MassContact, Recipient, recipient_models
from massmail.services.audience_count import count_new


class RecipientContract:
    """The tests of the contract of `massmail.models.Recipient`."""

    def make(self, **fields: object) -> Recipient:
        """Return a saved recipient with these field values, and any others."""
        raise NotImplementedError

    def test_is_among_the_recipient_types(self) -> None:
        assert type(self.make()) in recipient_models()

    def test_belongs_to_somebody(self) -> None:
        assert isinstance(self._queryset(self.make()), OwnedQuerySet)

    def test_variables_have_names_for_templates_and_labels(self) -> None:
        variables = type(self.make()).VARIABLES

        assert variables
        assert [name for name in variables if not name.isidentifier()] == []
        assert [name for name, label in variables.items() if not str(label)] == []

    def test_gives_a_plain_text_for_each_variable(self) -> None:
        recipient = self.make()

        values = recipient.get_variables()

        assert set(values) == set(type(recipient).VARIABLES)
        assert {type(value) for value in values.values()} == {str}

    def test_is_greeted_in_every_language(self) -> None:
        recipient = self.make()
        greetings = []
        for code, _name in settings.LANGUAGES:
            recipient.language = code
            greetings.append(recipient.variables()["salutation"])

        assert {type(greeting) for greeting in greetings} == {str}
        assert all(greetings)

    def test_is_found_by_its_search_fields(self) -> None:
        recipient = self.make()

        for field in ("email", *type(recipient).SEARCH_FIELDS):
            list(self._queryset(recipient).filter(**{f"{field}__icontains": "x"}))

    def test_related_is_all_that_variables_and_name_need(self) -> None:
        saved = self.make()
        related = type(saved).RELATED
        queryset = self._queryset(saved)
        recipient = (queryset.select_related(*related) if related else queryset).get(pk=saved.pk)

        with CaptureQueriesContext(connection) as queries:
            recipient.variables()
            assert recipient.display_name

        assert queries.captured_queries == []

    def test_filters_are_lookups_with_labels(self) -> None:
        recipient = self.make()

        for choice in type(recipient).FILTERS:
            assert str(choice.label)
            list(self._queryset(recipient).filter(**{f"{choice.lookup}__in": []}))

    def test_says_whose_it_is_and_since_when(self) -> None:
        names = {field.name for field in type(self.make())._meta.get_fields()}

        assert {"owner", "department", "creation_date"} <= names

    def test_filter_form_renders_and_counts(self) -> None:
        recipient = self.make(email="zoe@example.com")
        form = self._form(recipient, {"whose": "all"})

        assert form.is_valid(), form.errors
        assert [str(field) for field in form] != []
        count = count_new(form.people(), now=database_now())
        assert (count.chosen, count.to_send) == (1, 1)

    def test_filter_form_finds_by_each_value_that_it_offers(self) -> None:
        recipient = self.make()
        offered = self._form(recipient, {"whose": "all"}).filter_fields()

        for field in offered:
            values = [str(box.data["value"]) for box in field.subwidgets]
            form = self._form(recipient, {"whose": "all", field.name: values})
            assert form.is_valid(), form.errors
            assert list(form.people()) == [recipient]

    def test_has_pages_of_its_own(self) -> None:
        recipient = self.make()
        kind = recipient._meta.model_name

        assert reverse(f"{kind}_make_massmail")
        assert reverse(f"{kind}_count_massmail")
        assert reverse(f"got_{recipient.GOT_WORD or kind}_massmails", args=[recipient.pk])

    def test_saving_fills_the_address_key(self) -> None:
        recipient = self.make(email="nonsense, Zoe@Example.COM, second@example.com")

        recipient.refresh_from_db()
        assert recipient.address == "Zoe@Example.COM"
        assert recipient.address_key == "zoe@example.com"

    def test_saving_the_address_alone_keeps_the_key_in_step(self) -> None:
        recipient = self.make(email="old@example.com")

        recipient.email = "new@example.com"
        recipient.save(update_fields=["email"])

        recipient.refresh_from_db()
        assert recipient.address_key == "new@example.com"

    def test_without_a_valid_address_there_is_none(self) -> None:
        recipient = self.make(email="nonsense")

        assert recipient.address is None
        assert recipient.address_key == ""

    def test_deleting_keeps_the_mass_contact(self) -> None:
        recipient = self.make()
        mass_contact = MassContact.objects.create(content_object=recipient)

        recipient.delete()

        assert MassContact.objects.filter(pk=mass_contact.pk).exists()

    def _form(self, recipient: Recipient, data: dict[str, object]) -> AudienceForm:
        sees_all, _made = User.objects.get_or_create(username="superuser", is_superuser=True)
        return AudienceForm(type(recipient), sees_all, data)

    def _queryset(self, recipient: Recipient) -> QuerySet[Recipient]:
        return type(recipient)._default_manager.all()
