"""The form of a message: what cannot be sent is refused here, with the line and the name."""

from django import forms

from massmail.forms.problems import add_problems
from massmail.models import EmlMessage


class EmlMessageForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's has no subscript
    """Checks the message with the builder that will send it."""

    class Meta:
        model = EmlMessage
        fields = "__all__"  # noqa: DJ007  # the admin names them
        widgets = {
            "subject": forms.TextInput(attrs={"class": "vLargeTextField"}),
            "preheader": forms.TextInput(attrs={"class": "vLargeTextField"}),
            "content": forms.Textarea(attrs={"rows": 20, "class": "vLargeTextField code"}),
            "styles": forms.Textarea(attrs={"rows": 6, "class": "vLargeTextField code"}),
        }

    def _post_clean(self) -> None:
        """Check the message as the form would leave it."""
        super()._post_clean()  # type: ignore[misc]  # Django's hook after the instance is filled
        if not self.errors:
            add_problems(self, self.instance, {})
