"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("admin/", include("crm.urls")),  # before the site's own, which end in a catch-all
    path("admin/", admin.site.urls),
    path("", include("massmail.urls")),
]
