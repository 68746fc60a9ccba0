"""What this app shows in the admin; each ModelAdmin has its file in `massmail/site/`."""

from django.contrib import admin

from common.site import MassmailAdminSite
from massmail.models import (
    EmailAccount,
    EmlAccountsQueue,
    EmlMessage,
    MailingOut,
    MassContact,
    MassmailSettings,
    Picture,
    Signature,
    Suppression,
)
from massmail.site.emailaccountadmin import EmailAccountAdmin
from massmail.site.emlaccountsqueueadmin import EmlAccountsQueueAdmin
from massmail.site.emlmessageadmin import EmlMessageAdmin
from massmail.site.mailingoutadmin import MailingOutAdmin
from massmail.site.masscontactadmin import MassContactAdmin
from massmail.site.massmailsettingsadmin import MassmailSettingsAdmin
from massmail.site.pictureadmin import PictureAdmin
from massmail.site.signatureadmin import SignatureAdmin
from massmail.site.suppressionadmin import SuppressionAdmin
from massmail.views.home import home_context

admin.site.register(MailingOut, MailingOutAdmin)
admin.site.register(EmlMessage, EmlMessageAdmin)
admin.site.register(Signature, SignatureAdmin)
admin.site.register(Picture, PictureAdmin)
admin.site.register(EmailAccount, EmailAccountAdmin)
admin.site.register(EmlAccountsQueue, EmlAccountsQueueAdmin)
admin.site.register(MassContact, MassContactAdmin)
admin.site.register(Suppression, SuppressionAdmin)
admin.site.register(MassmailSettings, MassmailSettingsAdmin)

assert isinstance(admin.site, MassmailAdminSite)
admin.site.first_page = home_context
