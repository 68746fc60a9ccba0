"""The form of a message: what cannot be sent is refused here, with the line and the name."""

from django import forms

from massmail.forms.mail_editor import TAKES_VARIABLES, MailEditor
from massmail.forms.problems import add_problems
from massmail.models import EmlMessage

SUBJECT_ON_A_PHONE = 60  # characters; about what the lists of mail programs show
PREHEADER_ON_A_PHONE = 90  # characters


class EmlMessageForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's has no subscript
    """Checks the message with the builder that will send it."""

    class Meta:
        model = EmlMessage
        fields = "__all__"  # noqa: DJ007  # the admin names them
        widgets = {
            "subject": forms.TextInput(
                attrs={
                    "class": "vLargeTextField",
                    "data-shown": SUBJECT_ON_A_PHONE,
                    **TAKES_VARIABLES,
                }
            ),
            "preheader": forms.TextInput(
                attrs={
                    "class": "vLargeTextField",
                    "data-shown": PREHEADER_ON_A_PHONE,
                    **TAKES_VARIABLES,
                }
            ),
            "content": MailEditor(),
            "styles": forms.Textarea(attrs={"rows": 6, "class": "vLargeTextField code"}),
            "prev_corr": forms.Textarea(attrs={"rows": 4, "class": "vLargeTextField code"}),
        }

    def _post_clean(self) -> None:
        """Check the message as the form would leave it."""
        super()._post_clean()  # type: ignore[misc]  # Django's hook after the instance is filled
        if not self.errors:
            add_problems(self, self.instance, {})
