"""The checklist of the first page: whose it is, what ticks it, and where it leads."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from massmail.models import MailingOut
from massmail.views.first_steps import is_to_come, steps_of
from tests.factories import UserFactory
from tests.massmail.cast import Cast

pytestmark = pytest.mark.django_db


def end(mailing_out: MailingOut) -> None:
    MailingOut.objects.filter(pk=mailing_out.pk).update(status="D", pending_count=0, sent_count=1)


def test_campaign_of_a_colleague_is_not_ones_own(cast: Cast) -> None:
    end(cast.started(number=1))
    found = [is_to_come(user) for user in (cast.owner, cast.colleague, cast.superuser)]
    assert found == [False, True, False]


def test_who_may_only_look_gets_no_checklist(cast: Cast) -> None:
    user = UserFactory.create(departments=[cast.department])
    user.user_permissions.set(Permission.objects.filter(codename="view_mailingout"))
    assert not is_to_come(user)


def test_colleagues_work_ticks_no_step_but_the_shared_account(cast: Cast) -> None:
    cast.account(shared=True, today_date=timezone.localdate(), today_count=1)
    cast.started(number=1)
    ticks = [step.is_done for step in steps_of(cast.colleague)]
    assert ticks == [True, False, False, False, False]


def test_test_mail_is_ticked_once_an_own_account_was_used(cast: Cast) -> None:
    cast.account(today_date=timezone.localdate(), today_count=1)
    assert [step.is_done for step in steps_of(cast.owner)] == [True, False, False, True, False]


def test_steps_lead_to_what_there_is(cast: Cast) -> None:
    before = [step.url for step in steps_of(cast.owner)]
    cast.account()
    draft = cast.draft(number=1)
    after = [step.url for step in steps_of(cast.owner)]

    add = reverse("admin:massmail_emlmessage_add")
    choose = reverse("select_recipient_type")
    account = reverse("admin:massmail_emailaccount_add")
    page = reverse("admin:massmail_mailingout_change", args=[draft.pk])
    message = reverse("admin:massmail_emlmessage_change", args=[draft.message_id])
    accounts = reverse("admin:massmail_emailaccount_changelist")
    assert before == [account, add, choose, add, choose]
    assert after == [accounts, message, page, f"{message}#send-test", f"{page}#start"]
