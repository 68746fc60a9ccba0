"""The form of a signature: it is refused where a message could not be sent with it."""

from django import forms

from massmail.forms.mail_editor import MailEditor
from massmail.forms.problems import add_problems
from massmail.models import Signature
from massmail.services.signatures import message_above


class SignatureForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's has no subscript
    """Checks the signature below an empty message."""

    class Meta:
        model = Signature
        fields = "__all__"  # noqa: DJ007  # the admin names them
        widgets = {"content": MailEditor("signature", rows=8)}

    def _post_clean(self) -> None:
        """Check the signature as the form would leave it."""
        super()._post_clean()  # type: ignore[misc]  # Django's hook after the instance is filled
        if not self.errors:
            add_problems(self, message_above(self.instance), {"signature": "content"})

    def _get_validation_exclusions(self) -> set[str]:
        """Refuse no second default: the former one steps aside when this one is saved."""
        exclusions: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]  # Django's
        return exclusions | {"default"}
