"""Every address of the site."""

from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from common.views import choose_language

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("i18n/setlang/", choose_language, name="set_language"),
    path("admin/", include("crm.urls")),  # before the site's own, which end in a catch-all
    path("admin/", include("common.urls")),
    path("admin/", admin.site.urls),
    path("", include("massmail.urls")),
]
