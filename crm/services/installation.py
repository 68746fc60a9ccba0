"""A usable first installation: groups with their permissions, departments, lookups, settings.

Everything here can be run again: it adds what is missing and takes nothing away.
"""

import tomllib
from collections.abc import Iterable
from importlib import resources
from typing import Any

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction

from common.models import Department, Role
from common.models.roles import join_co_workers
from crm.models import ClientType, Country, Industry, LeadSource
from crm.models.lookups import Lookup
from massmail.models import MassmailSettings

_DATA = resources.files("crm") / "data"


@transaction.atomic
def install() -> None:
    """Write groups, departments, lookups and the row of settings, where they are missing."""
    install_groups()
    lookups = _toml("lookups.toml")
    for name in lookups["departments"]:
        Department.objects.get_or_create(name=name)
    _install_lookup(ClientType, lookups["client_types"])
    _install_lookup(Industry, lookups["industries"])
    _install_lookup(LeadSource, lookups["lead_sources"])
    _install_lookup(Country, (_DATA / "countries.txt").read_text("utf-8").splitlines())
    MassmailSettings.load()


def install_groups() -> None:
    """Write the groups, give them the permissions that they lack, make all staff co-workers."""
    for name, models in _toml("groups.toml").items():
        group, _ = Group.objects.get_or_create(name=name)
        wanted = {
            (*label.split("."), f"{action}_{label.rpartition('.')[2]}")
            for label, actions in models.items()
            for action in actions
        }
        group.permissions.add(*_permissions(wanted))
    for user in User.objects.filter(is_staff=True).exclude(groups__name=Role.CO_WORKERS):
        join_co_workers(user)


def install_superuser(*, username: str, password: str, email: str) -> bool:
    """Create the superuser unless somebody has that name; return whether it was created."""
    if User.objects.filter(username=username).exists():
        return False
    User.objects.create_superuser(username, email, password)
    return True


def _permissions(wanted: set[tuple[str, ...]]) -> list[Permission]:
    """Return the permissions of (app, model, codename). Raises ValueError if one does not exist."""
    everything = Permission.objects.select_related("content_type")
    found = {
        (one.content_type.app_label, one.content_type.model, one.codename): one
        for one in everything
    }
    missing = wanted - set(found)
    if missing:
        raise ValueError(f"no such permissions: {sorted(missing)}")
    return [found[key] for key in found if key in wanted]


def _install_lookup(model: type[Lookup], names: Iterable[str]) -> None:
    model._default_manager.bulk_create([model(name=name) for name in names], ignore_conflicts=True)


def _toml(name: str) -> dict[str, Any]:  # Any: as mixed as the file
    return tomllib.loads((_DATA / name).read_text("utf-8"))
