"""The form of a test mail: to which address, from which account, as whom."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.apps import apps
from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.ids import id_in
from common.models import OwnedQuerySet
from massmail.addresses import wire_address
from massmail.forms.radio_select_form import may_view
from massmail.models import EmailAccount, Recipient


def person_key(model: type[Recipient], pk: int) -> str:
    """Return how the form names a person: the label of the type and the id."""
    return f"{model._meta.label_lower}:{pk}"


class _AccountField(forms.ModelChoiceField):  # type: ignore[type-arg]  # Django's has no subscript
    """Names an account with the address that its mails come from."""

    def label_from_instance(self, obj: EmailAccount) -> str:
        return f"{obj.name}: {obj.from_email}"


class SendTestForm(forms.Form):
    """Offers the user's accounts, and a few people; takes any person that the user may see."""

    to = forms.CharField(label=gettext_lazy("To"), max_length=254)
    account = _AccountField(
        EmailAccount.objects.none(), label=gettext_lazy("From"), empty_label=None
    )
    person = forms.CharField(label=gettext_lazy("As"), required=False)

    def __init__(
        self,
        user: User,
        data: Any = None,  # Any: what a request posts
        *,
        people: Sequence[tuple[str, str]] = (),  # keys and names; the first is chosen
    ) -> None:
        chosen = people[0][0] if people else ""
        initial = {"to": user.email, "person": chosen}
        super().__init__(data, initial=initial, auto_id="id_test_%s")
        self._user = user
        usable = EmailAccount.objects.usable_by(user).order_by("-massmail", "main", "pk")
        account = self.fields["account"]
        assert isinstance(account, forms.ModelChoiceField)
        account.queryset = usable
        choices = [*people, ("", _("somebody of yours"))]
        self.fields["person"].widget = forms.Select(choices=choices)
        self.fields["to"].widget.attrs["autocomplete"] = "email"

    def clean_to(self) -> str:
        """Take one address that can stand in an envelope."""
        to = str(self.cleaned_data["to"]).strip()
        wire = wire_address(to)
        if wire is None or not wire.isascii():
            text = _("“%(address)s” is no address that mail can go to. Correct it.")
            raise forms.ValidationError(text % {"address": to[:80]})
        return to

    def clean_person(self) -> Recipient | None:
        """Return the person, None if the user left it open."""
        key = str(self.cleaned_data["person"])
        if not key:
            return None
        person = _find(key, self._user)
        if person is None:
            raise forms.ValidationError(_("This person is not among yours. Choose another."))
        return person

    def sentences(self) -> list[str]:
        """Return what is wrong, one sentence each."""
        return [str(error) for errors in self.errors.values() for error in errors]


def _find(key: str, user: User) -> Recipient | None:
    """Return the person of a key, if there is one and the user may see them."""
    label, _colon, pk = key.partition(":")
    try:
        model = apps.get_model(label)
    except (LookupError, ValueError):
        return None
    number = id_in(pk)
    if not issubclass(model, Recipient) or number is None or not may_view(user, model):
        return None
    people = model._default_manager.get_queryset().select_related(*model.RELATED)
    if isinstance(people, OwnedQuerySet):
        people = people.visible_to(user)
    found = people.filter(pk=number).first()
    return found if isinstance(found, Recipient) else None
