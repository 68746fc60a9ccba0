"""The form of an email account: what it is, where its server is, and secrets that are never shown.

What does not apply to the kind of account is dropped when it is saved; a script hides it before.
"""

from typing import Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from common.models import Department
from massmail.backends.base import Fault, TransportError
from massmail.backends.hosts import ALLOWED_PORTS, resolve_host
from massmail.content.headers import mailbox_header
from massmail.content.problems import BuildError
from massmail.models import EmailAccount, MassmailSettings

# Secret field -> the box that empties it.
FORGET = {"email_host_password": "forget_password", "email_app_password": "forget_app_password"}
# What applies to one kind alone, and its value for the other.
OF_MAILBOXES: dict[str, Any] = {"spread_over_day": False, "gap_min_s": None, "gap_max_s": None}
OF_RELAYS: dict[str, Any] = {"per_second": None, "connections": 1}
SMTP = "smtp"  # the transport that the server's fields are for
_SERVER = {"email_host", "email_port", "email_use_ssl", "email_use_tls"}
_FORGET_IT = gettext_lazy("forget it")


class EmailAccountForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's has no subscript
    """Says of each secret whether it is set; what is not typed stays, unless it is to be forgotten.

    After `is_valid()`, `hints` holds what the user may want to know though it is no error, and
    `derived` the fields that were set without having been typed.
    """

    shared = forms.TypedChoiceField(
        label=gettext_lazy("Used by"),
        required=False,
        initial=False,
        coerce=lambda value: value == "True",
        empty_value="",  # falsy like every other answer that is no "True"
        choices=(
            (False, gettext_lazy("me (and the co-owner)")),
            (True, gettext_lazy("everybody in my department; its limits count once")),
        ),
        widget=forms.RadioSelect,
    )
    transport = forms.ChoiceField(
        label=gettext_lazy("Leaves through"),
        help_text=gettext_lazy(
            "With SMTP through the server below; another way needs no server here."
        ),
    )
    forget_password = forms.BooleanField(label=_FORGET_IT, required=False)
    forget_app_password = forms.BooleanField(label=_FORGET_IT, required=False)

    class Meta:
        model = EmailAccount
        fields = "__all__"  # noqa: DJ007  # the admin names them
        widgets: ClassVar[Any] = {"kind": forms.RadioSelect}
        labels: ClassVar[Any] = {
            "kind": gettext_lazy("Kind of account"),
            "daily_limit": gettext_lazy("Mails a day"),
            "per_second": gettext_lazy("Mails a second"),
            "gap_min_s": gettext_lazy("Shortest gap"),
            "gap_max_s": gettext_lazy("Longest gap"),
        }
        help_texts: ClassVar[Any] = {
            "from_email": gettext_lazy(
                "An address, or a name and the address in angle brackets. Mails that cannot be"
                " delivered (bounces) come back to this address."
            ),
            "reply_to": gettext_lazy("Where answers go. Blank: to the From address."),
            "email_app_password": gettext_lazy(
                "Safer than your password, and used instead of it: most providers make one for"
                " you in their security settings."
            ),
            "department": gettext_lazy("Blank: the owner's."),
            "daily_limit": gettext_lazy("Blank: what is shown. 0: no limit. Test mails count."),
            "per_second": gettext_lazy("What your provider allows, such as 14. Blank: no limit."),
            "gap_min_s": gettext_lazy("Seconds. Blank: what is shown."),
            "connections": gettext_lazy("How many at once. One is enough for most."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Django's signature
        super().__init__(*args, **kwargs)
        self.hints: list[str] = []
        self.derived: set[str] = set()
        for secret in FORGET:
            if secret in self.fields:
                self.fields[secret].widget.attrs["placeholder"] = (
                    _("set; type to replace it") if self.instance.is_set(secret) else _("not set")
                )
        self._offer_transports()
        kinds = EmailAccount.Kind
        if "kind" in self.fields:
            self.fields["kind"].widget.choices = [
                (kinds.MAILBOX.value, _("my mailbox: few mails, at a human pace")),
                (kinds.RELAY.value, _("a relay or provider: many mails, as fast as it allows")),
            ]
        for kind, names in ((kinds.MAILBOX, OF_MAILBOXES), (kinds.RELAY, OF_RELAYS)):
            for name in names.keys() & self.fields.keys():
                self.fields[name].widget.attrs["data-only"] = kind.value
        if "daily_limit" in self.fields:
            self._say_what_blank_means(MassmailSettings.load())

    def _offer_transports(self) -> None:
        """Offer the ways out that there are; one alone is no question."""
        names = transports_for(self.instance)
        if len(names) == 1:
            self.fields.pop("transport", None)
        if "transport" not in self.fields:
            return
        field = self.fields["transport"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(name, "SMTP" if name == SMTP else name) for name in names]
        if self.data.get(self.add_prefix("transport"), SMTP) != SMTP:
            for name in ("email_host", "email_port"):
                self.fields[name].required = False

    def _say_what_blank_means(self, settings_row: MassmailSettings) -> None:
        no_limit = _("no limit")
        self.fields["daily_limit"].widget.attrs |= {
            "data-blank-mailbox": settings_row.emails_per_day,
            "data-blank-relay": no_limit,
        }
        blank = {
            "gap_min_s": settings_row.gap_min_s,
            "gap_max_s": settings_row.gap_max_s,
            "per_second": no_limit,
        }
        for name, text in blank.items():
            self.fields[name].widget.attrs["placeholder"] = text

    def clean_from_email(self) -> str:
        """Take what can stand in a From header."""
        return _one_mailbox("From", self.cleaned_data["from_email"])

    def clean_reply_to(self) -> str:
        """Take what can stand in a Reply-To header."""
        text = self.cleaned_data["reply_to"]
        return _one_mailbox("Reply-To", text) if text else ""

    def clean(self) -> dict[str, Any]:
        """Check the server, drop what does not apply, and let the department follow the owner."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        cleaned["shared"] = bool(cleaned.get("shared"))
        self._check_server(cleaned)
        other = OF_RELAYS if cleaned.get("kind") == EmailAccount.Kind.MAILBOX else OF_MAILBOXES
        for name, value in other.items():
            if name in self.fields and (cleaned.get(name) != value or name in self.errors):
                self._derive(cleaned, name, value)
        self._follow_owner(cleaned)
        if cleaned.get("shared") and not self._department(cleaned):
            text = _("The owner belongs to no department: there is nobody to share it with.")
            self.add_error("shared", text)
        return cleaned

    def _post_clean(self) -> None:
        """Put the values into the account, and forget the secrets that shall be forgotten."""
        super()._post_clean()  # type: ignore[misc]  # Django's own hook, which stubs leave out
        for secret, box in FORGET.items():
            if self.cleaned_data.get(box) and not self.cleaned_data.get(secret):
                setattr(self.instance, secret, "")
                self.derived.add(secret)

    def _derive(self, cleaned: dict[str, Any], name: str, value: Any) -> None:
        cleaned[name] = value
        self.derived.add(name)
        self.errors.pop(name, None)

    # --- the owner and the department

    def _follow_owner(self, cleaned: dict[str, Any]) -> None:
        """Give an account without a department, or to another owner, the owner's department."""
        owner = cleaned.get("owner") if "owner" in self.fields else self.instance.owner
        if "department" not in self.fields or not isinstance(owner, User):
            return
        theirs = Department.objects.of(owner).order_by("pk")
        chosen = cleaned.get("department")
        follows = chosen is None or ("owner" in self.changed_data and chosen not in theirs)
        if follows and chosen != theirs.first():
            self._derive(cleaned, "department", theirs.first())

    def _department(self, cleaned: dict[str, Any]) -> Department | None:
        typed = "department" in self.fields
        return cleaned.get("department") if typed else self.instance.department

    # --- the server

    def _check_server(self, cleaned: dict[str, Any]) -> None:
        """Refuse what would never be connected to; note what looks unusual. Asks the DNS."""
        host, port = cleaned.get("email_host"), cleaned.get("email_port")
        if cleaned.get("transport", SMTP) != SMTP:
            if port is None and "email_port" in self.fields and "email_port" not in self.errors:
                self._derive(cleaned, "email_port", self.instance.email_port)
            return
        if not host or not port or not _SERVER & set(self.changed_data):
            return
        allow_private = settings.MASSMAIL_ALLOW_PRIVATE_HOSTS
        if port not in ALLOWED_PORTS and not allow_private:
            text = _("Mail leaves by the ports 25, 465, 587 and 2525 only. Choose one of these.")
            self.add_error("email_port", text)
            return
        tls, starttls = cleaned.get("email_use_ssl"), cleaned.get("email_use_tls")
        hint = port_hint(port, tls=bool(tls), starttls=bool(starttls))
        self.hints += [hint] if hint else []
        if not allow_private:
            self._check_host(host.strip(), port)

    def _check_host(self, host: str, port: int) -> None:
        try:
            resolve_host(host, port, allow_private_hosts=False)
        except TransportError as error:
            if error.fault is Fault.FORBIDDEN_HOST:
                text = _(
                    "This server is inside a private network, and mail goes to public servers"
                    " only. Ask an administrator if it has to be this one."
                )
                self.add_error("email_host", text)
            else:
                text = _("The host “%(host)s” was not found just now. Check how it is spelt.")
                self.hints.append(text % {"host": host})


def transports_for(account: EmailAccount | None) -> list[str]:
    """Return the transports of the installation, and that of the account if it is none of them."""
    own = [account.transport] if account is not None else []
    return list(dict.fromkeys([*settings.MASSMAIL_TRANSPORTS, *own]))


def port_hint(port: int, *, tls: bool, starttls: bool) -> str:
    """Say what is unusual about a port and the way to a safe connection; "" if nothing is."""
    if not tls and not starttls:
        return _("Without TLS mails travel in clear, and no password is sent to a public server.")
    if port == 465 and not tls:
        return _("Port 465 usually has TLS from the start, not STARTTLS.")
    if port in {25, 587} and tls:
        return _("Port %(port)d usually has STARTTLS, not TLS from the start.") % {"port": port}
    return ""


def _one_mailbox(header: str, text: str) -> str:
    """Return the text if it is one mailbox; else raises ValidationError."""
    try:
        mailbox_header(header, text)
    except BuildError as error:
        raise forms.ValidationError(str(error)) from error
    return text.strip()
