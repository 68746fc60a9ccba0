"""What each account has done for a mailing out that is over."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from massmail.models import Delivery, EmailAccount, MailingOut
from massmail.services import results

_STATUS = Delivery.Status


@dataclass(frozen=True, slots=True)
class AccountTotal:
    """The numbers of one account; `name` says so where it was deleted since."""

    name: str
    sent: int
    failed: int
    uncertain: int


def account_totals(mailing_out: MailingOut) -> list[AccountTotal]:
    """Return the accounts that have tried something, those with most first."""
    numbers = results.states_by_account(mailing_out)
    names: dict[int | None, str] = dict(
        EmailAccount.objects.filter(pk__in={pk for pk, _status in numbers if pk}).values_list(
            "pk", "name"
        )
    )
    totals = [
        AccountTotal(
            name=names.get(account, _("an account deleted since")),
            sent=numbers.get((account, _STATUS.SENT), 0),
            failed=numbers.get((account, _STATUS.FAILED), 0),
            uncertain=numbers.get((account, _STATUS.UNCERTAIN), 0),
        )
        for account in {account for account, _status in numbers}
    ]
    tried = [total for total in totals if total.sent or total.failed or total.uncertain]
    return sorted(tried, key=lambda total: (-total.sent, total.name))
