"""The panel above an account's form."""

from datetime import timedelta

import pytest
from django.utils import timezone

from massmail.models import AccountShare, EmailAccount, MailingOut, MassmailSettings
from massmail.views.account_panel import AccountPanel, Work, shared_with
from massmail.views.progress import people_url
from tests.massmail.cast import Cast


def panel_of(account: EmailAccount, cast: Cast, who: str = "owner") -> AccountPanel:
    account.refresh_from_db()
    return AccountPanel(account, getattr(cast, who), timezone.now(), can_change=True)


def test_waiting_people_are_counted_by_mailing_out(cast: Cast) -> None:
    account = cast.account()
    large, small = cast.started(number=3), cast.started(number=1)
    cast.draft(number=2)

    panel = panel_of(account, cast)

    assert panel.waiting_number == 4
    assert panel.waiting == [
        Work("Spring offer", 3, people_url(large.pk, "waiting")),
        Work("Spring offer", 1, people_url(small.pk, "waiting")),
    ]


def test_mailing_out_that_one_may_not_see_has_no_name(cast: Cast) -> None:
    account = cast.account()
    cast.started(number=2)

    assert panel_of(account, cast, "stranger").waiting == [Work("a colleague's mailing out", 2)]


def test_what_was_served_today_is_listed(cast: Cast) -> None:
    account = cast.account()
    today, before = cast.started(number=1), cast.started(number=1)
    shares = AccountShare.objects.filter(email_account=account)
    shares.filter(mailing_out=today).update(served_at=timezone.now())
    shares.filter(mailing_out=before).update(served_at=timezone.now() - timedelta(days=2))

    assert panel_of(account, cast).served_today == [
        Work("Spring offer", 0, people_url(today.pk, "sent"))
    ]


def test_next_mail_without_work(cast: Cast) -> None:
    assert panel_of(cast.account(), cast).next_mail == "no mail waits to be sent"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "now"),
        ({"massmail": False}, "when it is switched on"),
        ({"next_send_at": timedelta(hours=1)}, "UTC"),
    ],
)
def test_next_mail(cast: Cast, values: dict[str, object], says: str) -> None:
    account = cast.account()
    cast.started(number=1)
    if "next_send_at" in values:
        values = {"next_send_at": timezone.now() + timedelta(hours=1)}
    EmailAccount.objects.update(**values)

    assert panel_of(account, cast).next_mail.endswith(says)


def test_next_mail_of_paused_work_and_of_paused_sending(cast: Cast) -> None:
    account = cast.account()
    mailing_out = cast.started(number=1)
    MailingOut.objects.filter(pk=mailing_out.pk).update(status=MailingOut.Status.PAUSED)
    paused_work = panel_of(account, cast).next_mail
    MassmailSettings.objects.update(paused_at=timezone.now())

    assert paused_work == "no mail waits to be sent"
    assert panel_of(account, cast).next_mail == "all sending is paused"


def test_gap_of_a_spread_day_is_told(cast: Cast) -> None:
    account = cast.account(kind="mailbox", spread_over_day=True, gap_min_s=7200, gap_max_s=7200)
    plain = cast.account()

    gaps = (panel_of(account, cast).even_gap, panel_of(plain, cast).even_gap)

    assert gaps == ("2\xa0hours", "")


def test_who_shares_it_is_said(cast: Cast) -> None:
    account = cast.account(shared=True, co_owner=cast.colleague)

    assert shared_with(account) == f"everybody in {cast.department}, colleague"
    assert shared_with(cast.account()) == ""


def test_bounces_come_back_to_the_bare_address(cast: Cast) -> None:
    addresses = [
        panel_of(cast.account(from_email=text), cast).bounce_address
        for text in ("Sales <sales@example.org>", "sales@example.org")
    ]

    assert addresses == ["sales@example.org"] * 2
