"""The form of a signature: it is refused where a message could not be sent with it."""

from django import forms

from massmail.forms.problems import add_problems
from massmail.models import EmlMessage, Signature


class SignatureForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's has no subscript
    """Checks the signature below an empty message."""

    class Meta:
        model = Signature
        fields = "__all__"  # noqa: DJ007  # the admin names them
        widgets = {"content": forms.Textarea(attrs={"rows": 12, "class": "vLargeTextField code"})}

    def _post_clean(self) -> None:
        """Check the signature as the form would leave it."""
        super()._post_clean()  # type: ignore[misc]  # Django's hook after the instance is filled
        if not self.errors:
            message = EmlMessage(subject="…", content="<p>…</p>", signature=self.instance)
            add_problems(self, message, {"signature": "content"})
