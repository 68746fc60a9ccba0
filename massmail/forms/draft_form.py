"""What stands in an editor now, not saved: read for a preview, judged by the builder alone."""

from django import forms
from django.contrib.auth.models import User

from massmail.models import EmlMessage, Signature
from massmail.services.signatures import message_above

_TEXT_FIELDS = ("subject", "preheader", "content", "styles", "prev_corr")


class DraftForm(forms.Form):
    """A message as it is typed; a signature that the user may not see is none."""

    subject = forms.CharField(required=False, strip=False)
    preheader = forms.CharField(required=False, strip=False)
    content = forms.CharField(required=False, strip=False)
    styles = forms.CharField(required=False, strip=False)
    prev_corr = forms.CharField(required=False, strip=False)
    signature = forms.ModelChoiceField(Signature.objects.none(), required=False)
    person = forms.CharField(required=False)

    def __init__(self, user: User, data: object) -> None:
        super().__init__(data)  # type: ignore[arg-type]  # what a request posted
        self.user = user
        signatures: forms.ModelChoiceField[Signature] = self.fields["signature"]  # type: ignore[assignment]  # declared above
        signatures.queryset = Signature.objects.visible_to(user)

    def message(self) -> EmlMessage:
        """Return the message, unsaved and without attachments, with the pictures of the user."""
        texts = {name: self.cleaned_data.get(name, "") for name in _TEXT_FIELDS}
        signature = self.cleaned_data.get("signature")
        return EmlMessage(owner=self.user, signature=signature, **texts)


class SignatureDraftForm(forms.Form):
    """A signature as it is typed."""

    type = forms.ChoiceField(choices=Signature.Type.choices, required=False)
    content = forms.CharField(required=False, strip=False)
    person = forms.CharField(required=False)

    def __init__(self, user: User, data: object) -> None:
        super().__init__(data)  # type: ignore[arg-type]  # what a request posted
        self.user = user

    def message(self) -> EmlMessage:
        """Return an unsaved message that ends with the signature, with the user's pictures."""
        kind = self.cleaned_data.get("type") or Signature.Type.HTML
        content = self.cleaned_data.get("content", "")
        signature = Signature(owner=self.user, type=kind, content=content)
        return message_above(signature)
