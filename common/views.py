"""The pages of everybody's own account: language, time zone, a forgotten password."""

from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import views as auth_views
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import i18n
from django.views.decorators.http import require_http_methods, require_POST

from common.forms import ForgottenPasswordForm, ProfileForm
from common.models import Department, Reach, Role, UserProfile, membership_of
from common.utils.helpers import preferences_of


@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Show and store what the user prefers."""
    user = request.user
    assert isinstance(user, User)  # the admin site lets nobody else in
    form = ProfileForm(request.POST or None, instance=preferences_of(user))
    if request.method == "POST" and form.is_valid():
        stored = form.save()
        with translation.override(stored.language_code or translation.get_language()):
            messages.success(request, _("Your preferences are saved."))
        return redirect("profile")
    membership = membership_of(user)
    context = admin.site.each_context(request) | {
        "title": _("Your profile"),
        "form": form,
        "reads_all": membership.rule.reads is Reach.ALL,
        "departments": Department.objects.filter(pk__in=membership.department_ids),
        "roles": sorted(str(ROLE_NAMES[role]) for role in membership.roles if role in ROLE_NAMES),
    }
    return render(request, "common/profile.html", context)


ROLE_NAMES = {
    Role.MANAGERS: gettext_lazy("manager"),
    Role.OPERATORS: gettext_lazy("operator"),
    Role.SUPEROPERATORS: gettext_lazy("superoperator"),
    Role.CHIEFS: gettext_lazy("chief"),
    Role.ACCOUNTANTS: gettext_lazy("accountant"),
    Role.TASK_OPERATORS: gettext_lazy("task operator"),
    Role.DEPARTMENT_HEADS: gettext_lazy("department head"),
}


@require_POST
def choose_language(request: HttpRequest) -> HttpResponse:
    """Switch to a language; for who is signed in, from now on."""
    code = request.POST.get("language", "")
    if isinstance(request.user, User) and code in dict(settings.LANGUAGES):
        UserProfile.objects.update_or_create(user=request.user, defaults={"language_code": code})
    return i18n.set_language(request)


class _OnAdminSite:
    """Gives a page of Django's what the templates of the admin expect."""

    request: HttpRequest

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:  # Any: Django's signature
        """Add what every page of the admin has."""
        site = admin.site.each_context(self.request)
        context: dict[str, Any] = super().get_context_data(**kwargs)  # type: ignore[misc]  # the view's
        return site | context


class ForgottenPassword(_OnAdminSite, auth_views.PasswordResetView):
    form_class = ForgottenPasswordForm
    template_name = "registration/password_reset_form.html"
    subject_template_name = "registration/password_reset_subject.txt"
    email_template_name = "registration/password_reset_email.txt"


class ForgottenPasswordSent(_OnAdminSite, auth_views.PasswordResetDoneView):
    template_name = "registration/password_reset_done.html"


class NewPassword(_OnAdminSite, auth_views.PasswordResetConfirmView):
    template_name = "registration/password_reset_confirm.html"


class NewPasswordSaved(_OnAdminSite, auth_views.PasswordResetCompleteView):
    template_name = "registration/password_reset_complete.html"
