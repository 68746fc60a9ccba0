"""Who is chosen: a form made from the filters that a type of recipient declares.

Each request has a form of its own: its fields, and the values offered, belong to one user and one
type. Nothing chosen in a filter means anybody.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from common.models import OwnedQuerySet
from massmail.models import Recipient, RecipientFilter, people_visible_to

VALUES_OFFERED = 500  # of a plain field; more do not fit a page
_FIRST_DAY, _LAST_DAY = date(1900, 1, 1), date(2999, 12, 31)


class DayField(forms.DateField):
    """A day, chosen with the browser's own calendar."""

    def __init__(self, *, label: Any) -> None:  # Any: a text to translate
        super().__init__(
            label=label,
            required=False,
            widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
            validators=[MinValueValidator(_FIRST_DAY), MaxValueValidator(_LAST_DAY)],
        )


class RelatedField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # Django's has no subscript
    """Values that are rows of another table."""

    def clean(self, value: Any) -> Any:  # Django's signature
        """Refuse a number too large for the database like any that is not offered."""
        try:
            return super().clean(value)
        except OverflowError as error:
            text = self.error_messages["invalid_choice"]
            raise ValidationError(text, "invalid_choice", {"value": "…"}) from error


class AudienceForm(forms.Form):
    """People of one type that a user may see, narrowed by whose they are, filters and age."""

    class Whose(models.TextChoices):
        MINE = "mine", _("mine")
        ALL = "all", _("all that I may see, those of my departments as well")

    whose = forms.ChoiceField(label=_("Whose"), choices=Whose, widget=forms.RadioSelect)
    created_after = DayField(label=_("Created on this day or after"))
    created_before = DayField(label=_("Created on this day or before"))

    def __init__(
        self, model: type[Recipient], user: User, data: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(data)
        self.model, self.user = model, user
        for name, choice in self._filters():
            self.fields[name] = _field_of(model, choice, user)

    @classmethod
    def beginning(cls, user: User) -> dict[str, Any]:
        """Return what is chosen at first: one's own people, a superuser everybody."""
        return {"whose": cls.Whose.ALL if user.is_superuser else cls.Whose.MINE}

    def clean(self) -> dict[str, Any]:  # Django's signature
        """Refuse dates that leave no day between them."""
        cleaned = super().clean() or {}
        after, before = cleaned.get("created_after"), cleaned.get("created_before")
        if after and before and before < after:
            text = _("These dates are crossed over: this day is before the other one.")
            self.add_error("created_before", ValidationError(text, code="crossed"))
        return cleaned

    def filter_fields(self) -> list[forms.BoundField]:
        """Return the fields of the type's own filters that offer a value."""
        names = [name for name, _choice in self._filters()]
        return [self[name] for name in names if len(self[name])]

    def people(self) -> models.QuerySet[Any]:
        """Return the people chosen, each once. Ask only when the form is valid."""
        narrowed = people_visible_to(self.user, self.model)
        if self.cleaned_data["whose"] == self.Whose.MINE:
            narrowed = narrowed.filter(owner=self.user)
        for name, choice in self._filters():
            if chosen := self.cleaned_data[name]:
                narrowed = narrowed.filter(_having(self.model, choice.lookup, chosen))
        if after := self.cleaned_data["created_after"]:
            narrowed = narrowed.filter(creation_date__gte=_beginning_of(after))
        if before := self.cleaned_data["created_before"]:
            end = _beginning_of(before + timedelta(days=1))
            narrowed = narrowed.filter(creation_date__lt=end)
        return narrowed

    def _filters(self) -> Iterator[tuple[str, RecipientFilter]]:
        """Return the type's filters by the names of their fields."""
        return ((f"by_{choice.lookup}", choice) for choice in self.model.FILTERS)


class NewMailingOutForm(AudienceForm):
    """Besides, the name of the mailing out that is made."""

    name = forms.CharField(
        label=_("Name of the mailing out"),
        max_length=100,
        help_text=_("Only you and your colleagues see it."),
        error_messages={"required": _("Give it a name, so that you find it again.")},
    )


def _beginning_of(day: date) -> datetime:
    """Return when a day begins for the user."""
    return timezone.make_aware(datetime.combine(day, time.min))


def _field_of(model: type[Recipient], choice: RecipientFilter, user: User) -> forms.Field:
    """Return the field of a filter: it offers the values of the people whom the user may see."""
    people = people_visible_to(user, model).order_by()
    *_path, field = _fields(model, choice.lookup)
    options: dict[str, Any] = {  # as both kinds of field take them
        "label": capfirst(str(choice.label)),
        "required": False,
        "widget": forms.CheckboxSelectMultiple,
    }
    if field.related_model is None:
        plain = cache(lambda: _plain_values(field, choice.lookup, people))  # asked once, if at all
        return forms.MultipleChoiceField(choices=plain, **options)
    values: models.QuerySet[Any] = _related(field)._default_manager.get_queryset()
    if isinstance(values, OwnedQuerySet):
        values = values.visible_to(user)
    used = values.filter(pk__in=people.values(choice.lookup))
    return RelatedField(used, **options)


def _having(model: type[Recipient], lookup: str, chosen: Iterable[Any]) -> models.Q:
    """Return the condition that a person has one of the values; nobody meets it twice."""
    values = [getattr(value, "pk", value) for value in chosen]  # read when they were checked
    having = models.Q(**{f"{lookup}__in": values})
    if not any(field.many_to_many or field.one_to_many for field in _fields(model, lookup)):
        return having
    return models.Q(pk__in=model._default_manager.filter(having).order_by().values("pk"))


def _plain_values(
    field: "models.Field[Any, Any]", lookup: str, people: models.QuerySet[Any]
) -> list[tuple[Any, str]]:
    """Return the values that stand in a plain field, with their labels."""
    found = people.order_by(lookup).values_list(lookup, flat=True).distinct()
    labels = {True: _("yes"), False: _("no")} if isinstance(field, models.BooleanField) else {}
    labels |= dict(field.flatchoices)
    values = [value for value in found[:VALUES_OFFERED] if value not in {None, ""}]
    return [(value, str(labels.get(value, value))) for value in values]


def _fields(model: type[models.Model], lookup: str) -> Iterator["models.Field[Any, Any]"]:
    """Return the fields along a lookup such as `company__industry`, the last one at the end."""
    for name in lookup.split("__"):
        field: models.Field[Any, Any] = model._meta.get_field(name)  # type: ignore[assignment]  # a filter goes over fields
        yield field
        if field.related_model is not None:
            model = _related(field)


def _related(field: Any) -> type[models.Model]:  # Any: a relation, of whichever direction
    """Return the model at the other end: all are loaded when a form is made."""
    related: type[models.Model] = field.related_model
    return related
