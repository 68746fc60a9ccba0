"""What a person has: names and a position."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from crm import salutations


class BaseContact(models.Model):
    """A person's names, as they are written to."""

    class Sex(models.TextChoices):
        MALE = "M", _("male")
        FEMALE = "F", _("female")
        OTHER = "O", _("other")

    # The names of the variables that a message may use, and their labels.
    NAME_VARIABLES: dict[str, Any] = {
        "first_name": _("first name"),
        "first_middle_name": _("first and middle name"),
        "last_name": _("last name"),
        "full_name": _("full name"),
        "title": _("position"),
    }

    SEARCH_FIELDS: ClassVar[tuple[str, ...]] = ("first_name", "middle_name", "last_name")

    if TYPE_CHECKING:
        written_language: str  # of the recipient that this is a part of

    first_name = models.CharField(_("first name"), max_length=100)
    middle_name = models.CharField(_("middle name"), max_length=100, blank=True)
    last_name = models.CharField(_("last name"), max_length=100, blank=True)
    title = models.CharField(_("position"), max_length=100, blank=True)
    sex = models.CharField(_("sex"), max_length=1, blank=True, choices=Sex)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.full_name

    @property
    def full_name(self) -> str:
        """First, middle and last name, without gaps where one is missing."""
        return _joined(self.first_name, self.middle_name, self.last_name)

    @property
    def first_middle_name(self) -> str:
        """First and middle name."""
        return _joined(self.first_name, self.middle_name)

    @property
    def salutation(self) -> str:
        """A formal greeting by sex, academic title and last name where these are known."""
        return salutations.of_person(
            self.written_language,
            sex=self.sex,
            title=self.title,
            last_name=self.last_name,
            full_name=_joined(self.first_name, self.last_name),
        )

    def name_variables(self) -> dict[str, str]:
        """Return the text of each of `NAME_VARIABLES`."""
        return {
            "first_name": self.first_name,
            "first_middle_name": self.first_middle_name,
            "last_name": self.last_name,
            "full_name": self.full_name,
            "title": self.title,
        }


def _joined(*names: str) -> str:
    return " ".join(name for name in names if name)
