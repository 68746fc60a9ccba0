"""Roles: what a user may read and change of others' work, as one table over the groups they are in.

A role says how far somebody reaches. Which models they reach at all is said by the permissions of
their groups, and both have to agree.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

from django.contrib.auth.models import AnonymousUser, Group, User
from django.db.models.signals import post_save
from django.dispatch import receiver

_MEMO = "_membership"


class Role(StrEnum):
    """The groups that mean something to the program, by their names."""

    MANAGERS = "managers"
    OPERATORS = "operators"
    SUPEROPERATORS = "superoperators"
    CHIEFS = "chiefs"
    ACCOUNTANTS = "accountants"
    TASK_OPERATORS = "task_operators"
    DEPARTMENT_HEADS = "department heads"
    CO_WORKERS = "co-workers"


class Reach(IntEnum):
    """How far somebody reaches: each includes those before it."""

    NONE = 0
    OWN = 1
    DEPARTMENT = 2
    ALL = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """What a role reads and changes; people are recipients, whoever may be written to."""

    reads: Reach
    changes: Reach
    changes_people: Reach


NOBODY = Rule(Reach.NONE, Reach.NONE, Reach.NONE)
SUPERUSER = Rule(Reach.ALL, Reach.ALL, Reach.ALL)
EVERYBODY = Rule(Reach.DEPARTMENT, Reach.OWN, Reach.OWN)
RULES: Mapping[Role, Rule] = {  # what a role adds to what everybody has
    Role.OPERATORS: Rule(Reach.DEPARTMENT, Reach.OWN, Reach.DEPARTMENT),
    Role.SUPEROPERATORS: Rule(Reach.DEPARTMENT, Reach.DEPARTMENT, Reach.DEPARTMENT),
    Role.CHIEFS: Rule(Reach.ALL, Reach.OWN, Reach.OWN),
}


@dataclass(frozen=True, slots=True)
class Membership:
    """The groups of one user: which roles, which departments."""

    roles: frozenset[Role]
    department_ids: tuple[int, ...]
    rule: Rule

    def has(self, *roles: Role) -> bool:
        """Tell whether the user has one of these roles."""
        return not self.roles.isdisjoint(roles)


def membership_of(user: User | AnonymousUser) -> Membership:
    """Return the user's roles and departments: one statement for each user object, then none.

    Like Django's permissions it is kept on the object: who changes groups loads the user again.
    """
    found: Membership | None = user.__dict__.get(_MEMO)
    if found is None:
        found = user.__dict__[_MEMO] = _read(user)
    return found


def _read(user: User | AnonymousUser) -> Membership:
    if isinstance(user, AnonymousUser) or not user.is_active:
        return Membership(frozenset(), (), NOBODY)
    departments_by_name: dict[str, int | None] = dict(
        user.groups.order_by("pk").values_list("name", "department")
    )
    roles = frozenset(role for role in Role if role in departments_by_name)
    departments = tuple(pk for pk in departments_by_name.values() if pk is not None)
    return Membership(roles, departments, _rule(roles, is_superuser=user.is_superuser))


def _rule(roles: frozenset[Role], *, is_superuser: bool) -> Rule:
    """Return the furthest reach of all roles."""
    if is_superuser:
        return SUPERUSER
    rules = [EVERYBODY, *(RULES[role] for role in roles if role in RULES)]
    return Rule(
        reads=max(rule.reads for rule in rules),
        changes=max(rule.changes for rule in rules),
        changes_people=max(rule.changes_people for rule in rules),
    )


def join_co_workers(user: User) -> None:
    """Put a member of staff into the group of co-workers, where the installation has one."""
    if user.is_staff:
        user.groups.add(*Group.objects.filter(name=Role.CO_WORKERS))


@receiver(post_save, sender=User)
def welcome(instance: User, created: bool, raw: bool, **_: Any) -> None:  # Any: what Django sends
    """Let whoever is added as staff be a co-worker; fixtures say themselves who is."""
    if created and not raw:
        join_co_workers(instance)
