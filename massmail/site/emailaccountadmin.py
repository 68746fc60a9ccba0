"""Email accounts in the admin: what they are, how they send, how they are."""

from datetime import datetime
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from common.admin import OwnedModelAdmin, OwnerFilter
from massmail.forms.email_account_form import EmailAccountForm
from massmail.models import EmailAccount, MassmailSettings
from massmail.services import account_health
from massmail.site.columns import column
from massmail.views.access import user_of
from massmail.views.account_state import state_of

OFF_BY_HAND = "by hand"  # a key of services/words.py


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
    list_display = ("account", "kind_word", "health", "today", "owner")
    list_display_links = ("account",)
    list_filter: ClassVar[Any] = (OwnerFilter, "kind", "massmail")
    list_select_related = ("owner",)
    search_fields = ("name", "email_host", "email_host_user", "from_email")
    change_form_template = "admin/massmail/emailaccount/change_form.html"
    save_on_top = False
    fieldsets = (
        (
            _("What it is"),
            {"fields": ("name", "kind", "from_email", "reply_to", "massmail", "main")},
        ),
        (
            _("Server"),
            {
                "fields": (
                    "email_host",
                    ("email_port", "email_use_ssl", "email_use_tls"),
                    "email_host_user",
                    "email_host_password",
                    "email_app_password",
                )
            },
        ),
        (
            _("Limits"),
            {
                "description": _("Leave these blank unless your provider names other numbers."),
                "fields": (
                    ("daily_limit", "per_second"),
                    ("gap_min_s", "gap_max_s"),
                    "connections",
                ),
            },
        ),
        (_("Who uses it"), {"fields": ("owner", "co_owner", "department", "shared")}),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        """Return the list that knows how its accounts are."""
        return AccountList

    def save_model(
        self,
        request: HttpRequest,
        obj: EmailAccount,
        form: "ModelForm[EmailAccount]",
        change: bool,
    ) -> None:
        """Write what the form changed, and nothing that the engine writes meanwhile."""
        if not change:
            obj.off_reason, obj.off_at = _off(obj)
            super().save_model(request, obj, form, change)
            return
        obj.modified_by = user_of(request)
        names = {*form.changed_data, "modified_by", "update_date"}
        if "massmail" in names:
            obj.off_reason, obj.off_at = _off(obj)
            names |= {"off_reason", "off_at"}
        obj.save(update_fields=names)
        if "massmail" in names and obj.massmail:
            account_health.switch_on(obj)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show how the account is, above the form."""
        account = self.get_object(request, object_id)
        context = dict(extra_context or {})
        if account is not None:
            context["health"] = state_of(account, MassmailSettings.load(), timezone.now())
            context["can_switch_on"] = self.has_change_permission(request, account)
        return super().change_view(request, object_id, form_url, context)

    # --- columns

    @admin.display(description=_("account"), ordering="name")
    def account(self, obj: EmailAccount) -> SafeString:
        return column("account_name", account=obj)

    @admin.display(description=_("kind"), ordering="kind")
    def kind_word(self, obj: EmailAccount) -> str:
        return str(_("mailbox") if obj.kind == EmailAccount.Kind.MAILBOX else _("relay"))

    @admin.display(description=_("how it is"), ordering="massmail")
    def health(self, obj: Any) -> SafeString:
        return column("account_health", health=obj.health)

    @admin.display(description=_("used today"), ordering="today_count")
    def today(self, obj: Any) -> str:
        return str(obj.health.usage)


def _off(account: EmailAccount) -> tuple[str, datetime | None]:
    """Return why and since when an account is off that somebody has just saved."""
    return ("", None) if account.massmail else (OFF_BY_HAND, timezone.now())
