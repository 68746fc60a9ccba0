"""The form of an email account: secrets are written, never shown."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from massmail.models import EmailAccount

SECRETS = ("email_host_password", "email_app_password")


class EmailAccountForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's has no subscript
    """Says of each secret whether it is set; what is not typed stays."""

    class Meta:
        model = EmailAccount
        fields = "__all__"  # noqa: DJ007  # the admin names them
        help_texts = {"from_email": gettext_lazy("An address, with a name before it if you like.")}

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Django's signature
        super().__init__(*args, **kwargs)
        for name in SECRETS:
            if name in self.fields:
                self.fields[name].widget.attrs["placeholder"] = self._placeholder(name)

    def _placeholder(self, name: str) -> str:
        stored = self.instance.__dict__.get(name)  # sealed: nothing is decrypted to ask this
        return _("set; type to replace it") if stored else _("not set")
