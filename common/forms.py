"""The forms of logging in, of a forgotten password, and of what one prefers."""

import zoneinfo
from datetime import timedelta
from itertools import groupby
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.forms import PasswordResetForm
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import get_language_info, ngettext
from django.utils.translation import gettext_lazy as _

from common.client_address import client_address
from common.models import UserProfile
from common.services import login_limit
from common.utils.helpers import in_language_of


class LoginForm(AdminAuthenticationForm):
    """Django's, which after some failures has to wait before it looks at another password."""

    def clean(self) -> dict[str, Any]:
        """Check name and password, at most as often as `login_limit` allows."""
        username = self.cleaned_data.get("username")
        if username is None or not self.cleaned_data.get("password"):
            return super().clean()
        address = client_address(self.request) if self.request else ""
        keys = login_limit.login_keys(username, address)
        wait = login_limit.take_a_try(keys, now=timezone.now())
        if wait:
            raise ValidationError(_wait_text(wait), code="too_many")
        cleaned = super().clean()
        login_limit.forgive(keys)
        return cleaned


def _wait_text(wait: timedelta) -> str:
    seconds = -(-wait // timedelta(seconds=1))
    if seconds < 60:
        text = ngettext(
            "Too many logins failed. Try again in %(number)d second.",
            "Too many logins failed. Try again in %(number)d seconds.",
            seconds,
        )
        return text % {"number": seconds}
    minutes = -(-seconds // 60)
    text = ngettext(
        "Too many logins failed. Try again in %(number)d minute.",
        "Too many logins failed. Try again in %(number)d minutes.",
        minutes,
    )
    return text % {"number": minutes}


class ForgottenPasswordForm(PasswordResetForm):
    """Django's: the link begins with SITE_URL, the mail is in its reader's language.

    Whoever asks too often gets the same answer, and no mail.
    """

    def save(self, *args: Any, **options: Any) -> None:  # Any: Django's signature
        """Send a link to each active user who has this address and a password (network)."""
        request = options.get("request")
        address = client_address(request) if request else ""
        keys = login_limit.reset_keys(self.cleaned_data["email"], address)
        if login_limit.take_a_try(keys, now=timezone.now()):
            return
        site = urlsplit(settings.SITE_URL)
        hours = settings.PASSWORD_RESET_TIMEOUT // 3600
        options |= {
            "domain_override": site.netloc,
            "use_https": site.scheme == "https",
            "extra_email_context": {"site_url": settings.SITE_URL, "hours": hours},
        }
        super().save(*args, **options)

    def send_mail(self, *args: Any, **options: Any) -> None:  # Any: Django's signature
        """Write the mail in the language of its reader (network)."""
        (*_templates, context, _from_email, _to_email) = args
        with in_language_of(context["user"]):
            super().send_mail(*args, **options)


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's has no subscript
    """Language and time zone; blank is the browser's language and the site's time zone."""

    class Meta:
        model = UserProfile
        fields = ("language_code", "time_zone")
        widgets: ClassVar[Any] = {"time_zone": forms.Select}

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: Django's signature
        super().__init__(*args, **kwargs)
        language, zone = self.fields["language_code"], self.fields["time_zone"]
        assert isinstance(language, forms.ChoiceField)
        assert isinstance(zone.widget, forms.Select)
        names = [(code, _native_name(code)) for code, _name in settings.LANGUAGES]
        language.choices = [("", _("as my browser says")), *names]
        site = _("as the site: %(zone)s") % {"zone": settings.TIME_ZONE}
        zone.widget.choices = [("", site), *_zone_choices(self.instance.time_zone)]


def _native_name(code: str) -> str:
    return str(get_language_info(code)["name_local"])


def _zone_choices(stored: str) -> list[tuple[str, Any]]:
    """Return the zones of the world by continent, and the stored one wherever it is."""
    known = zoneinfo.available_timezones()
    names = sorted(name for name in known if "/" in name and not name.startswith("Etc/"))
    groups: list[tuple[str, Any]] = [
        (continent, [(name, name.partition("/")[2].replace("_", " ")) for name in zones])
        for continent, zones in groupby(names, key=lambda name: name.partition("/")[0])
    ]
    others = {"UTC", stored} - {"", *names}
    return [*((name, name) for name in sorted(others)), *groups]
