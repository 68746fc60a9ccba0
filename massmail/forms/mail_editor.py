"""The editor of mail HTML, a plain text area without scripts, and the variables that it offers."""

import re
from dataclasses import dataclass
from typing import Any

from ckeditor.widgets import CKEditorWidget
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.forms.widgets import Media
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _

from massmail.models import recipient_models

_TAG = re.compile(r"\{%.*?%\}|\{\{.*?\}\}")
_DOUBLE_QUOTED = re.compile(r'"([^"\']*)"')
TAKES_VARIABLES = {"data-takes-variables": ""}  # fields that get a menu of variables


class MailEditor(CKEditorWidget):  # type: ignore[misc]  # the package has no types
    """CKEditor with one of `CKEDITOR_CONFIGS`; `static/massmail/editor.js` starts it."""

    config: dict[str, Any]  # JSON

    def __init__(self, config_name: str = "mail", *, rows: int = 20) -> None:
        attrs = {"rows": rows, "class": "vLargeTextField code", **TAKES_VARIABLES}
        template = "django/forms/widgets/textarea.html"
        super().__init__(config_name=config_name, template_name=template, attrs=attrs)

    @property
    def media(self) -> Media:
        """Add the script that starts it."""
        added: Media = super().media + Media(js=["massmail/editor.js"])
        return added

    def format_value(self, value: Any) -> str | None:  # Any: whatever a form field holds
        """Return the source with `'x'` for `"x"` inside tags: the latter would end an attribute."""
        return None if value is None else single_quoted(str(value))

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Put the configuration beside the text."""
        context: dict[str, Any] = super().get_context(name, value, attrs)
        config = DjangoJSONEncoder().encode(self.config)
        context["widget"]["attrs"]["data-editor"] = config
        return context

    def _set_config(self) -> None:
        """Complete the configuration for this page, in a copy: a widget serves all threads."""
        self.config = {**self.config, **_addresses()}
        super()._set_config()


def single_quoted(source: str) -> str:
    """Return a source whose template tags have no double quotes, where that changes no meaning."""
    return _TAG.sub(lambda tag: _DOUBLE_QUOTED.sub(r"'\1'", tag[0]), source)


def _addresses() -> dict[str, Any]:  # Any: JSON
    """Return where the editor finds its configuration, the pictures and their gallery."""
    gallery, upload = _address("show_uploaded_images"), _address("pic_upload")
    return {
        "customConfig": static("massmail/ck_mail.js"),
        "pictures": {"media": settings.MEDIA_URL, "static": settings.STATIC_URL},
        "filebrowserImageBrowseUrl": gallery,
        "filebrowserImageUploadUrl": upload,
    }


def _address(name: str) -> str:
    """Return the address of a page, "" where it is not installed: the button is missing then."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


@dataclass(frozen=True, slots=True)
class OfferedVariable:
    """One entry of the menu; what is always known needs no words to stand instead."""

    name: str
    label: str
    is_always_known: bool = False


@dataclass(frozen=True, slots=True)
class VariableGroup:
    """The variables of one type of recipient, or those of all."""

    label: str
    variables: tuple[OfferedVariable, ...]


def variable_groups() -> list[VariableGroup]:
    """Return the variables for everybody, then those of each type of recipient."""
    everybody = (
        OfferedVariable("salutation", _("salutation, e.g. “Dear Ms O'Neil”"), is_always_known=True),
        OfferedVariable("sender_name", _("name of the sender"), is_always_known=True),
        OfferedVariable("unsubscribe_url", _("address to unsubscribe"), is_always_known=True),
    )
    return [
        VariableGroup(_("Everybody"), everybody),
        *(
            VariableGroup(
                str(model._meta.verbose_name_plural),
                tuple(OfferedVariable(name, str(label)) for name, label in model.VARIABLES.items()),
            )
            for model in recipient_models()
        ),
    ]
