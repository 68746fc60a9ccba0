"""Users, roles and departments in the admin. Superusers alone: who hands out roles has them all."""

from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.db.models import Count, Prefetch, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from common.models import Department, UserProfile
from common.models.roles import join_co_workers
from common.superusers import SuperusersOnly


class ProfileInline(admin.StackedInline):  # type: ignore[type-arg]  # Django's has no subscript
    """Language and time zone, on the page of the user."""

    model = UserProfile
    can_delete = False
    verbose_name_plural = _("language and time zone")


class StaffAdmin(SuperusersOnly, UserAdmin):  # type: ignore[type-arg]  # Django's has no subscript
    """Users with what they may do in words: their departments and their roles."""

    inlines: ClassVar[Any] = (ProfileInline,)
    list_display = ("username", "name", "email", "departments", "roles", "is_active", "last_login")
    show_facets = admin.ShowFacets.NEVER
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        (_("Person"), {"fields": (("first_name", "last_name"), "email")}),
        (
            _("What they may do"),
            {
                "description": _(
                    "Put them into a department and give them a role, such as managers. Clear "
                    "“active” when somebody leaves: what they own stays, and they are signed out."
                ),
                "fields": ("is_active", "is_staff", "is_superuser", "groups"),
            },
        ),
        (_("Dates"), {"fields": ("last_login", "date_joined"), "classes": ("collapse",)}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "usable_password", "password1", "password2")}),
        (_("Person"), {"fields": (("first_name", "last_name"), "email")}),
        (_("What they may do"), {"fields": ("is_staff", "groups")}),
    )
    readonly_fields = ("last_login", "date_joined")
    filter_horizontal = ("groups",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Read the groups of all users on a page at once."""
        groups = Prefetch("groups", Group.objects.select_related("department").order_by("name"))
        return super().get_queryset(request).prefetch_related(groups)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:  # Any: Django's signature
        """Ask for preferences once the user exists."""
        return self.inlines if obj else ()

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Keep staff among the co-workers, whatever groups were chosen. Any: Django's signature."""
        super().save_related(request, form, formsets, change)
        join_co_workers(form.instance)

    @admin.display(description=_("name"), ordering="last_name")
    def name(self, obj: User) -> str:
        return obj.get_full_name()

    @admin.display(description=_("departments"))
    def departments(self, obj: User) -> str:
        return ", ".join(group.name for group in obj.groups.all() if hasattr(group, "department"))

    @admin.display(description=_("roles"))
    def roles(self, obj: User) -> str:
        return ", ".join(
            group.name for group in obj.groups.all() if not hasattr(group, "department")
        )


class RoleAdmin(SuperusersOnly, GroupAdmin):
    """Groups that carry permissions; departments have a list of their own."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Group]:
        """Leave departments out."""
        return super().get_queryset(request).filter(department=None)


class DepartmentAdmin(SuperusersOnly, admin.ModelAdmin):  # type: ignore[type-arg]  # Django's has no subscript
    """Departments: their members read each other's work."""

    list_display = ("name", "people")
    search_fields = ("name",)
    ordering = ("name",)
    fields = ("name",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Department]:
        """Count the people."""
        queryset: QuerySet[Department] = super().get_queryset(request)
        return queryset.annotate(user_count=Count("user"))

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Department | None:
        """Find nothing by a number too large for a key: of a parent's key Django leaves it in."""
        if object_id.isdecimal() and not Group.objects.filter(pk=object_id[:30]).exists():
            return None
        found: Department | None = super().get_object(request, object_id, from_field)
        return found

    @admin.display(description=_("people"), ordering="user_count")
    def people(self, obj: Any) -> int:  # Any: a department with the annotation above
        return int(obj.user_count)


def register(site: admin.AdminSite) -> None:
    """Put these in the place of Django's own."""
    site.unregister([User, Group])
    site.register(User, StaffAdmin)
    site.register(Group, RoleAdmin)
    site.register(Department, DepartmentAdmin)
