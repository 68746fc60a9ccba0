"""Ownership: who made a thing, whose it is, which department may read it."""

from typing import TYPE_CHECKING, Self, TypeVar

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from common.models.department import Department
from common.models.roles import Reach, membership_of

if TYPE_CHECKING:
    from django.contrib.auth.models import User

OwnedModel_co = TypeVar("OwnedModel_co", bound=models.Model, covariant=True)


class OwnedQuerySet(models.QuerySet[OwnedModel_co]):
    """Permission is a query: whatever a user is shown or changes starts here.

    How far a user reaches is their `Rule` (see `common.models.roles`); what is theirs, and what is
    their departments', a model's own QuerySet may say otherwise.
    """

    def visible_to(self, user: "User | AnonymousUser") -> Self:
        """Return what the user may read."""
        return self._within(membership_of(user).rule.reads, user)

    def changeable_by(self, user: "User | AnonymousUser") -> Self:
        """Return what the user may change, where the permissions of their groups agree."""
        return self._within(self.reach_of_changes(user), user)

    def reach_of_changes(self, user: "User | AnonymousUser") -> Reach:
        """Tell how far the user may change rows of this model."""
        rule = membership_of(user).rule
        return rule.changes_people if getattr(self.model, "IS_PEOPLE", False) else rule.changes

    def _within(self, reach: Reach, user: "User | AnonymousUser") -> Self:
        if isinstance(user, AnonymousUser) or reach is Reach.NONE:
            return self.none()
        if reach is Reach.ALL:
            return self
        if reach is Reach.DEPARTMENT:
            return self.filter(self._owned(user) | self._of_departments(user))
        return self.filter(self._owned(user))

    def _owned(self, user: "User") -> models.Q:
        return models.Q(owner=user)

    def _of_departments(self, user: "User") -> models.Q:
        return models.Q(department__in=membership_of(user).department_ids)


class Base(models.Model):
    """Who owns a thing, and who changed it last and when."""

    creation_date = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    update_date = models.DateTimeField(_("updated"), auto_now=True)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="%(app_label)s_%(class)s_owner_related",
        verbose_name=_("owner"),
    )
    modified_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="%(app_label)s_%(class)s_modified_by_related",
        verbose_name=_("changed by"),
    )

    class Meta:
        abstract = True


class Base1(Base):
    """Besides, the department whose members may read it."""

    department = models.ForeignKey(
        Department,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="%(app_label)s_%(class)s_department_related",
        verbose_name=_("department"),
    )

    class Meta:
        abstract = True

    def clean(self) -> None:
        """Refuse a department that the owner does not belong to."""
        super().clean()
        has_owner = getattr(self, "owner_id", None) is not None  # an admin form may lack one yet
        if not has_owner or self.department_id is None:
            return
        if not Department.objects.of(self.owner).filter(pk=self.department_id).exists():
            text = _("%(owner)s does not belong to this department. Choose one of theirs.")
            raise ValidationError({"department": text % {"owner": self.owner}})
