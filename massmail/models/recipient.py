"""The contract of an audience: whatever model subclasses `Recipient` can be written to.

A type of recipient is a concrete model that derives from `Recipient`. Nothing else registers it:
the choice of types, lists, previews and permissions go over `recipient_models()`. It says which
variables a message may use for it, how it is called, and how its owners filter it.
`massmail.testing.recipient_contract` checks a new type.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from django.apps import apps
from django.contrib.contenttypes.fields import GenericRelation
from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from common.languages import language_choices
from common.models import OwnedQuerySet
from massmail import addresses
from massmail.models.mass_contact import MassContact

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


@dataclass(frozen=True, slots=True)
class RecipientFilter:
    """A choice by which people are picked: an ORM lookup from the recipient, and its label."""

    lookup: str
    label: str | Promise


class KeptGenericRelation(GenericRelation):
    """A generic relation to join by, whose rows stay when the object is deleted."""

    def bulk_related_objects(self, objs: Any, using: str = "default") -> Any:  # Django's signature
        """Return no rows: deleting the object takes none along."""
        return self.remote_field.model._base_manager.using(using).none()


class Recipient(models.Model):
    """Somebody who can be written to.

    A subclass sets `VARIABLES` and `FILTERS`, may set `RELATED`, and overrides
    `get_variables()`. `email` may hold several addresses; the first valid one is written to.
    It also derives from `common.models.Base1`, with an `OwnedQuerySet`: people belong to somebody.
    """

    VARIABLES: ClassVar[dict[str, Any]] = {}  # name in a template -> its translated label
    FILTERS: ClassVar[tuple[RecipientFilter, ...]] = ()
    RELATED: ClassVar[tuple[str, ...]] = ()  # select_related() that get_variables() needs
    GIVEN_ALONG: ClassVar[tuple[str, ...]] = ()  # relations to people who follow to a new owner
    GOT_WORD: ClassVar[str] = ""  # in `got_<word>_massmails`; blank: the model's name

    email = models.CharField(
        _("email"), max_length=200, help_text=_("Several addresses: separated by commas.")
    )
    # null: not read yet; "": none is valid
    address_key = models.CharField(max_length=254, null=True, editable=False, db_index=True)
    massmail = models.BooleanField(_("subscribed to mailings"), default=True)
    disqualified = models.BooleanField(_("disqualified"), default=False)
    language = models.CharField(
        _("language"),
        max_length=7,
        blank=True,
        choices=language_choices,
        help_text=_("The language of the pages that this person sees. Blank: the browser's."),
    )
    mass_contacts = KeptGenericRelation(MassContact)

    class Meta:
        abstract = True

    @property
    def address(self) -> str | None:
        """The address that is written to; None if the field holds no valid one."""
        return addresses.first_valid(self.email)

    @property
    def display_name(self) -> str:
        """The name in the To header and in lists."""
        return str(self)

    def get_variables(self) -> dict[str, str]:
        """Return a plain text for each name in `VARIABLES`; "" where nothing is known."""
        raise TypeError(f"{type(self).__name__} must override get_variables()")

    def save(self, *args: Any, **kwargs: Any) -> None:  # Django's signature
        """Save, and keep `address_key` in step with `email`."""
        self.address_key = key_of(self.email)
        update_fields = kwargs.get("update_fields")
        if update_fields is not None and "email" in update_fields:
            kwargs["update_fields"] = {*update_fields, "address_key"}
        super().save(*args, **kwargs)


def key_of(email: str) -> str:
    """Return the stored key of an email field: "" when it holds no valid address."""
    address = addresses.first_valid(email)
    return addresses.address_key(address) or "" if address else ""


def recipient_models() -> list[type[Recipient]]:
    """Return every installed type of recipient, by its label."""
    found = [model for model in apps.get_models() if issubclass(model, Recipient)]
    return sorted(found, key=lambda model: model._meta.label_lower)


def people_visible_to(
    user: "User | AnonymousUser", model: type[Recipient]
) -> OwnedQuerySet[models.Model]:
    """Return the recipients of one type that the user may see."""
    people = model._default_manager.get_queryset()
    assert isinstance(people, OwnedQuerySet)
    return people.visible_to(user)


def known_variables() -> set[str]:
    """Return the names that at least one type of recipient offers."""
    return {name for model in recipient_models() for name in model.VARIABLES}
