"""What this app shows in the admin."""

from django.contrib import admin

from massmail import models
from massmail.site.mailingoutadmin import MailingOutAdmin


def test_people_and_superusers_find_these_models():
    registered = {model for model in admin.site._registry if model._meta.app_label == "massmail"}
    assert registered == {
        models.EmailAccount,
        models.EmlAccountsQueue,
        models.EmlMessage,
        models.MailingOut,
        models.MassContact,
        models.MassmailSettings,
        models.Picture,
        models.Signature,
        models.Suppression,
    }
    assert type(admin.site._registry[models.MailingOut]) is MailingOutAdmin
