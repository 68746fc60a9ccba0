"""One mailing out in a line; the database and the line agree on who needs somebody."""

import pytest

from massmail.clock import database_now
from massmail.models import EmailAccount, MailingOut
from massmail.services import campaign
from massmail.services.scene import scene_of
from massmail.views.mailing_out_line import MailingOutLine, line_of, needing_somebody
from tests.massmail.campaigns import all_alive
from tests.massmail.cast import Cast


def line(mailing_out: MailingOut) -> MailingOutLine:
    found = MailingOut.objects.select_related("message", "message_version", "paused_by").get(
        pk=mailing_out.pk
    )
    return line_of(found, scene_of([found], database_now(), counting=False))


def _uncertain(cast: Cast) -> MailingOut:
    mailing_out = cast.started(number=1)
    mailing_out.deliveries.update(status="uncertain")
    MailingOut.objects.update(pending_count=0, uncertain_count=1)
    return mailing_out


def _account_off(cast: Cast) -> MailingOut:
    mailing_out = cast.started(number=1)
    EmailAccount.objects.update(massmail=False)
    return mailing_out


def _paused_by_the_system(cast: Cast) -> MailingOut:
    mailing_out = cast.started(number=1)
    campaign.pause_by_system(mailing_out.pk, MailingOut.PauseReason.POLICY)
    return mailing_out


def _paused_by_hand(cast: Cast) -> MailingOut:
    mailing_out = cast.started(number=1)
    mailing_out.pause()
    return mailing_out


def _without_message(cast: Cast) -> MailingOut:
    return MailingOut.objects.create_for(cast.contacts(1), owner=cast.owner, message=None, name="x")


def _without_people(cast: Cast) -> MailingOut:
    return cast.draft(number=0)


def _draft(cast: Cast) -> MailingOut:
    return cast.draft(number=1)


def _running(cast: Cast) -> MailingOut:
    return cast.started(number=1)


def _failed(cast: Cast) -> MailingOut:
    mailing_out = cast.started(number=1)
    MailingOut.objects.update(pending_count=0, failed_count=1, status="D")
    return mailing_out


REFUSED = (
    "It is paused: the servers refuse this message or its sender. Read what they replied, mend the"
    " cause, then resume."
)


@pytest.mark.parametrize(
    ("make", "reason", "needs_somebody"),
    [
        (_uncertain, "1 mail may or may not have arrived", True),
        (_account_off, "account is off: It was switched off by hand.", True),
        (
            _paused_by_the_system,
            REFUSED,
            True,
        ),
        (_without_message, "no message yet", True),
        (_without_people, "nobody to write to", True),
        (_paused_by_hand, "It is paused. Resume it to go on.", False),
        (_draft, "", False),
        (_running, "No worker has reported yet. Start worker and beat.", False),
        (_failed, "1 failed", False),
    ],
)
def test_line_says_why_and_whether_somebody_is_needed(
    cast: Cast, make, reason: str, needs_somebody: bool
) -> None:
    cast.account(name="account")
    mailing_out = make(cast)

    found = line(mailing_out)

    assert (found.reason, found.needs_somebody) == (reason, needs_somebody)
    assert needing_somebody(MailingOut.objects.all()).exists() == needs_somebody


def test_line_foresees_the_end_of_what_runs(cast: Cast) -> None:
    all_alive()
    assert line(cast.started(number=1)).end.startswith("today ")
    assert line(cast.draft(number=1)).end == ""
