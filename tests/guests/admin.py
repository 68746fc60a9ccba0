"""The guests in the admin: a line for each page, the rest comes with the base."""

from django.contrib import admin

from massmail.site.recipientadmin import RecipientAdmin
from tests.guests.models import Guest


@admin.register(Guest)
class GuestAdmin(RecipientAdmin[Guest]):
    list_display = ("guest_name", "room", "email", "subscription", "received", "owner")
    list_select_related = ("owner",)
    search_fields = ("guest_name", "email")
    fields = ("guest_name", "room", "email", "massmail", "subscription", "owner")
