"""Email accounts in the admin: what they are, how they send, how they are."""

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from common.admin import OwnedModelAdmin, OwnerFilter
from common.ids import id_in
from massmail.forms.email_account_form import FORGET, EmailAccountForm, transports_for
from massmail.forms.providers import suggestions
from massmail.models import EmailAccount, MassmailSettings
from massmail.models.email_account import EmailAccountQuerySet
from massmail.services import oauth2, pace
from massmail.site.columns import column
from massmail.views.access import user_of
from massmail.views.account_panel import AccountPanel, pending_of, shared_with
from massmail.views.account_state import state_of

COPY_PARAMETER = "copy_email_account"
# What a copy takes over; of an account that one may only look at, without the server.
COPIED = (
    *("kind", "from_email", "reply_to", "shared", "daily_limit", "per_second"),
    *("gap_min_s", "gap_max_s", "spread_over_day", "connections"),
)
COPIED_BY_ITS_OWNER = (
    *("transport", "email_host", "email_port", "email_use_ssl", "email_use_tls"),
    *("email_host_user", "owner", "co_owner", "department"),
)
PACE = frozenset({"kind", "daily_limit", "per_second", "gap_min_s", "gap_max_s", "spread_over_day"})
_SEEN_BY_ALL = ("kind", "name", "from_email", "reply_to")
_WHAT = ("kind", "name", "from_email", "reply_to", "shared", "main")
_LIMITS = (
    *("daily_limit", "spread_over_day", ("gap_min_s", "gap_max_s")),
    ("per_second", "connections"),
)
_PEOPLE = ("owner", "co_owner", "department")


class SenderFilter(OwnerFilter):
    """Whose accounts are listed; one's own are all that one sends with or may change."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        """Name the default by what it holds."""
        others = super().lookups(request, model_admin)[1:]
        return [(self.MINE, _("mine and shared with me")), *others]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Add to one's own the accounts that are shared with one."""
        if self._chosen != self.MINE:
            return super().queryset(request, queryset)
        assert isinstance(queryset, EmailAccountQuerySet)
        return queryset.usable_by(self._user) | queryset.filter(co_owner=self._user)


class AccountList(ChangeList):
    """The list of accounts: how they are is asked of the settings once, not for each row."""

    def get_results(self, request: HttpRequest) -> None:
        """Tell each account on the page how it is."""
        super().get_results(request)
        settings_row, now = MassmailSettings.load(), timezone.now()
        for account in self.result_list:
            account.health = state_of(account, settings_row, now)


class EmailAccountAdmin(OwnedModelAdmin[EmailAccount]):
    form = EmailAccountForm
    list_display = ("account", "health", "today", "what", "last_mail", "whose")
    list_display_links = ("account",)
    list_filter: ClassVar[Any] = (SenderFilter, "kind", "massmail")
    list_select_related = ("owner", "co_owner", "department")
    search_fields = ("name", "email_host", "email_host_user", "from_email")
    change_form_template = "admin/massmail/emailaccount/change_form.html"
    change_list_template = "admin/massmail/emailaccount/change_list.html"
    delete_confirmation_template = "admin/massmail/emailaccount/delete_confirmation.html"
    save_as = False  # a copy is asked for by name, and takes no secret along
    save_on_top = False

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that knows how its accounts are."""
        return AccountList

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        """Leave out deleting by the dozen: an account's page says who waits for it."""
        actions: dict[str, Any] = super().get_actions(request)
        actions.pop("delete_selected", None)
        return actions

    def get_fieldsets(self, request: HttpRequest, obj: EmailAccount | None = None) -> Any:
        """Show the server to those alone who may change it."""
        people = (_("Whose it is"), {"fields": _PEOPLE})
        if obj is not None and not self.has_change_permission(request, obj):
            return ((_("What it is"), {"fields": _SEEN_BY_ALL}), people)
        server = {"fields": _server_fields(obj), "description": _SERVER_WORDS}
        limits = {"fields": _LIMITS, "description": _LIMIT_WORDS}
        what = (_("What it is"), {"fields": _WHAT})
        return (what, (_("Server"), server), (_("Limits"), limits), people)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Begin as a copy of the account that is named, if the user may see it."""
        pk = id_in(request.GET.get(COPY_PARAMETER, ""))
        if pk is None:
            return super().get_changeform_initial_data(request)
        source = self.get_queryset(request).filter(pk=pk).first()
        if source is None:
            return {}
        is_theirs = self.has_change_permission(request, source)
        names = (*COPIED, *(COPIED_BY_ITS_OWNER if is_theirs else ()))
        copy = {name: getattr(source, name) for name in names}
        return {**copy, "name": _("%(name)s (copy)") % {"name": source.name}}

    def save_model(
        self,
        request: HttpRequest,
        obj: EmailAccount,
        form: "ModelForm[EmailAccount]",
        change: bool,
    ) -> None:
        """Write what the form changed, and nothing that the engine writes meanwhile."""
        assert isinstance(form, EmailAccountForm)
        for hint in form.hints:
            messages.warning(request, hint)
        if not change:
            super().save_model(request, obj, form, change)
            return
        obj.modified_by = user_of(request)
        changed = {*form.changed_data, *form.derived} - set(FORGET.values())
        if changed & oauth2.BINDING:
            changed |= oauth2.forget_tokens(obj)
        obj.save(update_fields={*changed, "modified_by", "update_date"})
        if changed & PACE:
            pace.shorten_wait(obj.pk, now=timezone.now())

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show how the account is above the form, and suggest servers in it."""
        context = {"providers": suggestions(), **(extra_context or {})}
        account = self.get_object(request, object_id) if object_id else None
        if account is not None:
            context["panel"] = AccountPanel(
                account,
                user_of(request),
                timezone.now(),
                can_change=self.has_change_permission(request, account),
            )
            context["can_copy"] = self.has_add_permission(request)
        return super().changeform_view(request, object_id, form_url, context)

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Say beforehand who waits for the account."""
        account = self.get_object(request, object_id)
        pending = pending_of(account) if account is not None else []
        waiting = {"waiting_number": sum(number for _mailing_out, number in pending)}
        return super().delete_view(request, object_id, {**waiting, **(extra_context or {})})

    # --- columns

    @admin.display(description=_("account"), ordering="name")
    def account(self, obj: EmailAccount) -> SafeString:
        return column("account_name", account=obj)

    @admin.display(description=_("what"), ordering="kind")
    def what(self, obj: EmailAccount) -> str:
        kind = _("mailbox") if obj.kind == EmailAccount.Kind.MAILBOX else _("relay")
        return str(_("%(kind)s, main") % {"kind": kind} if obj.main else kind)

    @admin.display(description=_("how it is"), ordering="massmail")
    def health(self, obj: Any) -> SafeString:
        return column("account_health", health=obj.health)

    @admin.display(description=_("used today"), ordering="today_count")
    def today(self, obj: Any) -> str:
        return str(obj.health.short_usage)

    @admin.display(description=_("last mail"), ordering="today_date")
    def last_mail(self, obj: EmailAccount) -> SafeString:
        return column("account_last_mail", account=obj)

    @admin.display(description=_("owner, shared with"), ordering="owner__username")
    def whose(self, obj: EmailAccount) -> SafeString:
        return column("account_whose", account=obj, shared_with=shared_with(obj))


_SERVER_WORDS = _("What your provider calls SMTP or outgoing mail. Passwords are stored encrypted.")
_LIMIT_WORDS = _("Leave these blank unless your provider names other numbers.")


def _server_fields(account: EmailAccount | None) -> list[Any]:
    """Return the fields of the server; a secret that is set has a box to forget it."""
    fields: list[Any] = [
        *(("transport",) if len(transports_for(account)) > 1 else ()),
        *("email_host", ("email_port", "email_use_ssl", "email_use_tls"), "email_host_user"),
    ]
    for secret in ("email_app_password", "email_host_password"):
        is_set = account is not None and account.is_set(secret)
        fields.append((secret, FORGET[secret]) if is_set else secret)
    return fields
