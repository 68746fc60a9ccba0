"""The rotations of accounts of several users at once, for lists; a start takes from one of them."""

from collections import defaultdict
from collections.abc import Iterable

from django.contrib.auth.models import User

from massmail.models import EmailAccount


def rotations_of(owners: Iterable[User]) -> dict[int, list[EmailAccount]]:
    """Return for each user the accounts that take new recipients, by id (two statements).

    The same as `EmailAccount.objects.in_rotation_of(user)`, asked for all together.
    """
    users = list(owners)
    departments: dict[int, set[int]] = defaultdict(set)
    memberships = User.groups.through._default_manager.filter(user__in=[user.pk for user in users])
    for user_id, group_id in memberships.values_list("user_id", "group_id"):
        departments[user_id].add(group_id)
    accounts = list(EmailAccount.objects.filter(massmail=True, main=False).order_by("pk"))
    return {
        user.pk: [each for each in accounts if _is_usable(each, user, departments[user.pk])]
        for user in users
    }


def _is_usable(account: EmailAccount, user: User, departments: set[int]) -> bool:
    if user.pk in {account.owner_id, account.co_owner_id}:
        return True
    return account.shared and account.department_id in departments
