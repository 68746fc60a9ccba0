"""Who gets things: a choice among active colleagues."""

from django import forms
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _


class NewOwnerForm(forms.Form):
    """Offers, and accepts, only those who were given to it."""

    new_owner = forms.ModelChoiceField(
        queryset=User.objects.none(),
        label=_("New owner:"),
        label_suffix="",
        empty_label=_("— choose —"),
        error_messages={"required": _("Choose the new owner.")},
    )

    def __init__(self, data: object = None, *, offered: QuerySet[User]) -> None:
        super().__init__(data)  # type: ignore[arg-type]  # a request's POST, or nothing yet
        field = self.fields["new_owner"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = offered
