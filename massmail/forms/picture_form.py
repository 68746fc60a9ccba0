"""The forms of the gallery: a file to upload, and what a picture is called."""

from django import forms
from django.utils.translation import gettext_lazy as _

from massmail.models import Picture

# For the file dialog alone; what the file is, its content says.
ACCEPTED = "image/png,image/jpeg,image/gif,image/webp"


class PictureForm(forms.Form):
    """One file. The editor posts it under the same name."""

    upload = forms.FileField(
        label=_("Picture"),
        max_length=250,
        widget=forms.FileInput(attrs={"accept": ACCEPTED}),
        error_messages={"required": _("Choose a file first."), "empty": _("The file is empty.")},
    )


class PictureNameForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's has no subscript
    """What a picture is called in the gallery."""

    class Meta:
        model = Picture
        fields = ("name",)
