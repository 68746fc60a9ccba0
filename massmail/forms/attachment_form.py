"""The forms of attachments: a file that no mail can carry is refused where it is attached."""

from typing import Any

from django import forms
from django.contrib.contenttypes.forms import BaseGenericInlineFormSet
from django.core.files.uploadedfile import UploadedFile

from common.models import TheFile
from massmail.content.attachments import attachment_fault, sum_fault


class AttachmentForm(forms.ModelForm):  # type: ignore[type-arg]  # Django's has no subscript
    """One attached file."""

    class Meta:
        model = TheFile
        fields = ("file",)

    def clean_file(self) -> Any:  # Any: a new upload, or the stored file that stays
        """Refuse programs, and what is too large; what was attached before stays."""
        file = self.cleaned_data["file"]
        is_new = isinstance(file, UploadedFile)
        if is_new and (fault := attachment_fault(file.name or "", file.size or 0)):
            raise forms.ValidationError(fault)
        return file


class AttachmentFormSet(BaseGenericInlineFormSet):  # type: ignore[type-arg]  # as above
    """All attachments of a message."""

    def clean(self) -> None:
        """Refuse what is too much together, deleted ones aside."""
        super().clean()
        kept = [form for form in self.forms if form not in self.deleted_forms]
        files = [form.cleaned_data.get("file") for form in kept if hasattr(form, "cleaned_data")]
        if fault := sum_fault(sum(_size_bytes(file) for file in files if file)):
            raise forms.ValidationError(fault)


def _size_bytes(file: Any) -> int:  # Any: as in `clean_file`
    """Return how large a file is; 0 for one that is gone, which the checks of a draft name."""
    try:
        return int(file.size)
    except OSError:
        return 0
