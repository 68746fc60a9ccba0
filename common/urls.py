"""The addresses of everybody's own account, below those of the admin."""

from django.contrib import admin
from django.urls import path

from common import views

urlpatterns = [
    path("profile/", admin.site.admin_view(views.profile), name="profile"),
    path("password-reset/", views.ForgottenPassword.as_view(), name="admin_password_reset"),
    path("password-reset/sent/", views.ForgottenPasswordSent.as_view(), name="password_reset_done"),
    path("reset/<uidb64>/<token>/", views.NewPassword.as_view(), name="password_reset_confirm"),
    path("reset/done/", views.NewPasswordSaved.as_view(), name="password_reset_complete"),
]
