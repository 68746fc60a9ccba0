"""A department: a group of users who read each other's work."""

from typing import TYPE_CHECKING, ClassVar

from django.contrib.auth.models import Group
from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.contrib.auth.models import User


class DepartmentQuerySet(models.QuerySet["Department"]):
    def of(self, user: "User") -> "DepartmentQuerySet":
        """Return the departments that the user belongs to."""
        return self.filter(user=user)

    def first_of(self, user: "User") -> "Department | None":
        """Return the department that what the user makes belongs to: the first of theirs."""
        return self.of(user).order_by("pk").first()


class Department(Group):
    """A group that is a department; other groups only carry permissions."""

    objects: ClassVar = DepartmentQuerySet.as_manager()  # type: ignore[assignment]  # Group's is another

    class Meta:
        verbose_name = _("department")
        verbose_name_plural = _("departments")
