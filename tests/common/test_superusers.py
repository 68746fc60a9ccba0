"""Raw models and users: superusers alone, whatever permissions others hold."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from common.superusers import SuperusersOnly
from tests.factories import SuperuserFactory, UserFactory

pytestmark = pytest.mark.django_db

MODELS = [
    model._meta
    for model, model_admin in admin.site._registry.items()
    if isinstance(model_admin, SuperusersOnly)
]


@pytest.mark.parametrize("meta", MODELS, ids=str)
@pytest.mark.parametrize("page", ["changelist", "add"])
def test_permissions_alone_do_not_open_it(client: Client, meta, page):
    user = UserFactory.create()
    user.user_permissions.set(Permission.objects.all())
    client.force_login(User.objects.get(pk=user.pk))

    answer = client.get(reverse(f"admin:{meta.app_label}_{meta.model_name}_{page}"))

    assert answer.status_code == 403


@pytest.mark.parametrize("meta", MODELS, ids=str)
def test_superuser_opens_it(client: Client, meta):
    client.force_login(SuperuserFactory.create())

    answer = client.get(
        reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist"), follow=True
    )

    assert answer.status_code == 200


def test_users_groups_and_departments_are_among_them():
    names = {meta.label for meta in MODELS}
    assert names >= {"auth.User", "auth.Group", "common.Department"}
