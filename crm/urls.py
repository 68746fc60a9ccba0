"""The addresses of the local mailbox."""

from django.urls import path

from crm import views

urlpatterns = [
    path("mailbox/", views.mailbox, name="mailbox"),
    path("mailbox/<int:number>/", views.mailbox_mail_page, name="mailbox_mail"),
    path("mailbox/<int:number>/html/", views.mailbox_html, name="mailbox_html"),
]
