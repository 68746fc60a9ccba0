"""Which type of recipient a new mailing out goes to."""

from collections.abc import Iterable
from dataclasses import dataclass

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from massmail.models import Recipient, people_visible_to, recipient_models


@dataclass(frozen=True, slots=True)
class RecipientType:
    """A type that a user may view, with how many people of it they see."""

    model: type[Recipient]
    number: int

    @property
    def value(self) -> str:
        """The name in the form and in addresses."""
        return self.model._meta.model_name or ""

    @property
    def label(self) -> str:
        """What its people are called."""
        return str(self.model._meta.verbose_name_plural)


class RadioSelectForm(forms.Form):
    """One radio button for each type."""

    recipient_type = forms.ChoiceField(
        label=_("Write to"),
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choose to whom you want to write."),
            "invalid_choice": _("Choose one from the list."),
        },
    )

    def __init__(self, types: Iterable[RecipientType], data: object = None) -> None:
        super().__init__(data)  # type: ignore[arg-type]  # as Django takes it: a request's data
        field = self.fields["recipient_type"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(each.value, each.label) for each in types]


def recipient_types_for(user: User) -> list[RecipientType]:
    """Return the types whose people the user may view (a statement for each)."""
    return [
        RecipientType(model, people_visible_to(user, model).count())
        for model in recipient_models()
        if may_view(user, model)
    ]


def may_view(user: User, model: type[Recipient]) -> bool:
    """Tell whether the user may look at people of this type."""
    label, name = model._meta.app_label, model._meta.model_name
    return user.has_perm(f"{label}.view_{name}") or user.has_perm(f"{label}.change_{name}")
