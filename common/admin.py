"""The base of every ModelAdmin whose objects have an owner: who sees, changes and gets what."""

from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from django.contrib import admin
from django.contrib.auth.models import User
from django.db.models import ForeignKey, Model, Q, QuerySet
from django.forms import ModelChoiceField, ModelForm
from django.http import Http404, HttpRequest, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _

from common import users_admin
from common.ids import id_in
from common.models import (
    Base1,
    Department,
    OwnedQuerySet,
    Reach,
    Role,
    membership_of,
)

OwnedModel = TypeVar("OwnedModel", bound=Base1)

if TYPE_CHECKING:

    class _ModelAdmin(admin.ModelAdmin[OwnedModel]):
        pass

else:

    class _ModelAdmin(admin.ModelAdmin, Generic[OwnedModel]):
        """Django's, which by itself cannot be subscripted."""


class OwnerFilter(admin.SimpleListFilter):
    """Whose objects are listed: one's own unless asked otherwise; everybody's for who oversees."""

    title = _("owner")
    parameter_name = "owner"

    MINE, ALL, NOBODY = "mine", "all", "nobody"

    def __init__(self, request: HttpRequest, *args: Any) -> None:  # Any: as Django calls it
        self._user: User = request.user  # type: ignore[assignment]  # the admin knows its user
        super().__init__(request, *args)

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Offer oneself, everybody, each colleague and nobody."""
        colleagues = colleagues_of(self._user).exclude(pk=self._user.pk).order_by("username")
        people = [(str(user.pk), str(user)) for user in colleagues]
        return [
            (self.MINE, _("mine")),
            (self.ALL, _("everybody's")),
            *people,
            (self.NOBODY, _("nobody's")),
        ]

    def choices(self, changelist: Any) -> Any:  # Any: Django's iterator of dictionaries
        """Leave out Django's "All": it would name the default."""
        choices = list(super().choices(changelist))[1:]
        for choice, (value, _label) in zip(choices, self.lookup_choices, strict=True):
            choice["selected"] = value == self._chosen
        return choices

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the chosen owner; none for an owner that cannot be."""
        chosen = self._chosen
        if chosen == self.ALL:
            return queryset
        if chosen == self.NOBODY:
            return queryset.filter(owner=None)
        if chosen == self.MINE:
            return queryset.filter(owner=self._user)
        pk = id_in(chosen)
        return queryset.none() if pk is None else queryset.filter(owner=pk)

    @property
    def _chosen(self) -> str:
        return self.value() or (self.ALL if self._oversees() else self.MINE)

    def _oversees(self) -> bool:
        """Tell whether the user looks after others' work and has none of their own."""
        membership = membership_of(self._user)
        if self._user.is_superuser:
            return True
        return membership.has(Role.CHIEFS, Role.SUPEROPERATORS) and not membership.has(
            Role.MANAGERS
        )


class DepartmentFilter(admin.SimpleListFilter):
    """Which department's objects are listed, for those who read more than one."""

    title = _("department")
    parameter_name = "department"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the departments that the user reads."""
        names = readable_departments(_user(request)).order_by("name").values_list("pk", "name")
        return [(str(pk), name) for pk, name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the chosen department."""
        chosen = self.value()
        if not chosen:
            return queryset
        pk = id_in(chosen)
        return queryset.none() if pk is None else queryset.filter(department=pk)


class OwnedModelAdmin(_ModelAdmin[OwnedModel]):
    """Lists and opens what the user may see, changes what is theirs, and fills in ownership.

    Everybody's permission is asked of the QuerySet (`visible_to`, `changeable_by`), for the object
    itself and for every object that a form may refer to.
    """

    list_filter: ClassVar[Any] = (OwnerFilter,)
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def get_queryset(self, request: HttpRequest) -> QuerySet[OwnedModel]:
        """Return what the user may see: a stranger's object does not exist for them."""
        queryset = super().get_queryset(request)
        assert isinstance(queryset, OwnedQuerySet)
        return queryset.visible_to(_user(request))

    def get_list_filter(self, request: HttpRequest) -> Any:  # Any: as mixed as Django's
        """Offer a choice of departments to those who read more than one."""
        filters = super().get_list_filter(request)
        membership = membership_of(_user(request))
        reads_several = membership.rule.reads is Reach.ALL or len(membership.department_ids) > 1
        return (*filters, DepartmentFilter) if reads_several else filters

    def _get_obj_does_not_exist_redirect(
        self, request: HttpRequest, opts: Any, object_id: str
    ) -> HttpResponseRedirect:  # Any: Django's options; its own answer leads to the index instead
        """Answer 404 for what the user may not see, as every other page does."""
        raise Http404

    def has_change_permission(self, request: HttpRequest, obj: OwnedModel | None = None) -> bool:
        """Tell whether the user may change such objects, or this one."""
        return super().has_change_permission(request, obj) and self._is_changeable(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: OwnedModel | None = None) -> bool:
        """Tell whether the user may delete such objects, or this one."""
        return super().has_delete_permission(request, obj) and self._is_changeable(request, obj)

    def _is_changeable(self, request: HttpRequest, obj: OwnedModel | None) -> bool:
        if obj is None:
            return True
        return _owned_rows(self.model).changeable_by(_user(request)).filter(pk=obj.pk).exists()

    def get_readonly_fields(
        self, request: HttpRequest, obj: OwnedModel | None = None
    ) -> tuple[str, ...]:
        """Let the owner, and who may change the whole department's, give an object away."""
        fields = tuple(super().get_readonly_fields(request, obj))
        user = _user(request)
        reach = _owned_rows(self.model).reach_of_changes(user)
        if obj is None or obj.owner_id == user.pk or reach > Reach.OWN:
            return fields
        return (*fields, "owner", "department")

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> "ModelChoiceField[Any] | None":
        """Offer, and accept, only what the user may see."""
        user = _user(request)
        if db_field.name == "owner":
            kwargs |= {"queryset": colleagues_of(user).filter(is_active=True), "initial": user.pk}
        elif db_field.name == "department" and not user.is_superuser:
            kwargs["queryset"] = Department.objects.of(user)
        elif "queryset" not in kwargs:
            visible = _visible(db_field.remote_field.model, user)
            if visible is not None:
                kwargs["queryset"] = visible
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def save_model(
        self,
        request: HttpRequest,
        obj: OwnedModel,
        form: "ModelForm[OwnedModel]",
        change: bool,  # Django's signature
    ) -> None:
        """Save; a new object without an owner is the user's, in the owner's first department."""
        obj.modified_by = _user(request)
        if not change and not obj.owner_id:
            obj.owner = _user(request)
        if not change and obj.department_id is None:
            obj.department = Department.objects.first_of(obj.owner)
        super().save_model(request, obj, form, change)


def readable_departments(user: User) -> QuerySet[Department]:
    """Return the departments whose objects a user reads."""
    membership = membership_of(user)
    if membership.rule.reads is Reach.ALL:
        return Department.objects.all()
    return Department.objects.filter(pk__in=membership.department_ids)


def colleagues_of(user: User) -> QuerySet[User]:
    """Return the staff whose objects a user reads: their departments', for some everybody."""
    staff = User.objects.filter(is_staff=True).order_by("username")
    membership = membership_of(user)
    if membership.rule.reads is Reach.ALL:
        return staff
    return staff.filter(Q(pk=user.pk) | Q(groups__in=membership.department_ids)).distinct()


def _owned_rows(model: type[Model]) -> OwnedQuerySet[Any]:
    queryset = model._default_manager.get_queryset()
    assert isinstance(queryset, OwnedQuerySet)
    return queryset


def _visible(model: type[Model], user: User) -> QuerySet[Any] | None:
    """Return what the user may refer to, None where objects of the model have no owner."""
    queryset = model._default_manager.get_queryset()
    return queryset.visible_to(user) if isinstance(queryset, OwnedQuerySet) else None


def _user(request: HttpRequest) -> User:
    return request.user  # type: ignore[return-value]  # the admin lets nobody else in


users_admin.register(admin.site)
