"""How often somebody may try: after a few failures each try costs a longer wait.

Failures are counted for the name and for the client's address, so neither one name tried from many
addresses nor many names tried from one get far. A try is counted before the password is looked at:
tries at the same time count too. One that is refused counts nothing, so nobody can be kept out for
longer than the longest wait.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.crypto import salted_hmac

from common.models import LoginAttempt

FIRST_WAIT = timedelta(seconds=15)
LONGEST_WAIT = timedelta(minutes=15)
FORGOTTEN_AFTER = timedelta(days=1)  # without another failure
NO_WAIT = timedelta(0)


@dataclass(frozen=True, slots=True)
class Limit:
    """What is counted, and how many failures cost nothing."""

    name: str
    free: int

    def wait_after(self, failures: int) -> timedelta:
        """Return how long to wait after so many failures: doubled with each one."""
        if failures < self.free:
            return NO_WAIT
        doublings = min(failures - self.free, 20)
        return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)

    def key_of(self, value: str) -> str:
        """Return what is stored for a name or address: a digest that tells nobody what it was."""
        text = unicodedata.normalize("NFKC", value[:254]).casefold()
        digest = salted_hmac(__name__, f"{self.name}:{text}", algorithm="sha256")
        return digest.hexdigest()


NAME = Limit("name", free=5)
ADDRESS = Limit("address", free=10)  # several people may share one
RESET_MAIL = Limit("reset mail", free=3)
RESET_ADDRESS = Limit("reset address", free=10)


def login_keys(username: str, address: str) -> dict[str, Limit]:
    """Return what a login is counted under; an address that is not known is not counted."""
    keys = {NAME.key_of(username): NAME}
    return keys | ({ADDRESS.key_of(address): ADDRESS} if address else {})


def reset_keys(email: str, address: str) -> dict[str, Limit]:
    """Return what a request for a new password is counted under."""
    keys = {RESET_MAIL.key_of(email): RESET_MAIL}
    return keys | ({RESET_ADDRESS.key_of(address): RESET_ADDRESS} if address else {})


def take_a_try(keys: Mapping[str, Limit], *, now: datetime) -> timedelta:
    """Count a try as failed and return no wait, or count nothing and return how long to wait.

    One statement for a try that is refused.
    """
    wait = _wait(keys, now)
    if wait:
        return wait
    with transaction.atomic():
        LoginAttempt.objects.bulk_create(
            [LoginAttempt(key=key, last_at=now) for key in sorted(keys)], ignore_conflicts=True
        )
        rows = list(LoginAttempt.objects.select_for_update().filter(key__in=keys).order_by("key"))
        wait = _wait(keys, now)  # another one may have been first
        if wait:
            return wait
        for row in rows:
            _count(row, keys[row.key], now)
        LoginAttempt.objects.filter(last_at__lt=now - FORGOTTEN_AFTER).delete()
    return NO_WAIT


def forgive(keys: Mapping[str, Limit]) -> None:
    """Take back the try that succeeded: the name's failures are forgotten, the address' are not.

    Otherwise an account of one's own would buy any number of tries at those of others.
    """
    names = [key for key, limit in keys.items() if limit is NAME]
    LoginAttempt.objects.filter(key__in=names).delete()
    with transaction.atomic():
        others = LoginAttempt.objects.select_for_update().filter(key__in=keys).order_by("key")
        for row in others:
            row.failures = max(row.failures - 1, 0)
            row.blocked_until = None
            row.save(update_fields=["failures", "blocked_until"])


def _wait(keys: Mapping[str, Limit], now: datetime) -> timedelta:
    blocked = LoginAttempt.objects.filter(key__in=keys, blocked_until__gt=now)
    ends = [until for until in blocked.values_list("blocked_until", flat=True) if until]
    return max(ends) - now if ends else NO_WAIT


def _count(row: LoginAttempt, limit: Limit, now: datetime) -> None:
    is_old = row.last_at < now - FORGOTTEN_AFTER
    row.failures = 1 if is_old else row.failures + 1
    row.last_at = now
    row.blocked_until = now + limit.wait_after(row.failures)
    row.save(update_fields=["failures", "last_at", "blocked_until"])
