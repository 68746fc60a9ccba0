"""What the pages with an editor have in common: its policy, and the menu of variables."""

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from massmail.forms.mail_editor import variable_groups

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    _ModelAdmin = ModelAdmin[Any]  # Any: of messages and of signatures
else:
    _ModelAdmin = object


class EditorPage(_ModelAdmin):
    """A ModelAdmin whose form has a `MailEditor`. Whoever may only read gets no editor."""

    def render_change_form(
        self,
        request: HttpRequest,
        context: dict[str, Any],
        *args: Any,
        **kwargs: Any,  # Django's signature, with an object or without one
    ) -> HttpResponse:
        """Give the editor the policy that it needs, and no other page of the site."""
        context["has_editor"] = bool(context["adminform"].form.fields)
        context["variable_groups"] = variable_groups()
        response = super().render_change_form(request, context, *args, **kwargs)
        if context["has_editor"]:
            policy = settings.CONTENT_SECURITY_POLICY_EDITOR
            response.headers["Content-Security-Policy"] = policy
        return response
