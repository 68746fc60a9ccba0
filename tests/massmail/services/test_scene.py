"""What surrounds mailing outs: counted up to a limit, with constant statements."""

import pytest

from massmail.clock import database_now
from massmail.models import AccountShare, Delivery, MailingOut, MassmailSettings
from massmail.services import forecast, outlook, scene
from massmail.services.scene import scene_of
from tests.factories import EmailAccountFactory, UserFactory
from tests.massmail.campaigns import campaign_on
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db
NO_SERVER = SmtpServer(port=2525)  # nothing is sent


@pytest.fixture
def running() -> MailingOut:
    """Six people over two accounts."""
    owner = UserFactory.create()
    EmailAccountFactory.create(owner=owner, name="first")
    return campaign_on(NO_SERVER, people=6, owner=owner, name="second")


def waiting(mailing_out: MailingOut, **options) -> list[tuple[str, int, bool]]:
    found = scene_of([mailing_out], database_now(), **options).waiting[mailing_out.pk]
    return sorted((each.account.name, each.pending, each.is_more) for each in found)


def test_what_waits_is_counted_by_account(running: MailingOut) -> None:
    assert waiting(running) == [("first", 3, False), ("second", 3, False)]


def test_counting_stops_at_a_limit(running: MailingOut, monkeypatch) -> None:
    monkeypatch.setattr(scene, "COUNTED_UP_TO", 2)

    assert waiting(running) == [("first", 2, True), ("second", 2, True)]
    found = scene_of([running], database_now()).waiting[running.pk]
    assert found[0].number_text == "more than 2"


def test_rows_behind_the_watermark_wait_only_with_a_due_time(running: MailingOut) -> None:
    share = AccountShare.objects.get(email_account__name="first")
    rows = Delivery.objects.filter(email_account=share.email_account).order_by("pk")
    first, second, _third = rows
    Delivery.objects.filter(pk=first.pk).update(due_at=database_now())
    AccountShare.objects.filter(pk=share.pk).update(watermark=second.pk)

    assert waiting(running) == [("first", 2, False), ("second", 3, False)]


def test_without_counting_it_is_divided_over_those_who_have_some(running: MailingOut) -> None:
    Delivery.objects.filter(email_account__name="first").update(status=Delivery.Status.SENT)
    MailingOut.objects.update(pending_count=3, sent_count=3)
    running.refresh_from_db()

    assert waiting(running, counting=False) == [("second", 3, False)]


def test_uncounted_rest_is_shared_for_the_forecast(running: MailingOut, monkeypatch) -> None:
    monkeypatch.setattr(scene, "COUNTED_UP_TO", 2)

    paces = outlook.paces_of(running, scene_of([running], database_now()))

    assert sum(pace.waiting for pace in paces) == 6


def test_other_mailing_outs_are_counted_by_account(running: MailingOut) -> None:
    other = MailingOut.objects.create_for(
        running.recipient_model._default_manager.all(),
        owner=running.owner,
        message=None,
        name="Other",
    )
    MailingOut.objects.filter(pk=other.pk).update(message=running.message)
    other.exclude_already_received = False
    other.refresh_from_db()
    other.start()

    found = scene_of([running], database_now())
    paces = outlook.paces_of(running, found)

    assert [pace.others for pace in paces] == [(3,), (3,)]
    assert forecast.foresee(paces, found.settings_row, found.now).ends_at is not None


@pytest.mark.parametrize("number", [1, 4])
def test_statements_are_constant(number: int, django_assert_max_num_queries) -> None:
    made = [campaign_on(NO_SERVER, people=2) for _ in range(number)]
    MassmailSettings.load()
    now = database_now()
    with django_assert_max_num_queries(5):
        scene_of(made, now)


def test_nothing_started_asks_for_nothing_but_workers(django_assert_max_num_queries) -> None:
    draft = campaign_on(NO_SERVER, people=1, start=False)
    MassmailSettings.load()
    now = database_now()
    with django_assert_max_num_queries(2):
        assert scene_of([draft], now).waiting == {}


@pytest.mark.parametrize(("waiting", "per_second"), [(1_800, 0.5), (1_801, 20.0)])
def test_forecast_keeps_a_lowered_rate_for_an_hour(
    running: MailingOut, waiting: int, per_second: float
) -> None:
    now = database_now()
    account = EmailAccountFactory.build(kind="relay", slow_per_second=0.5, slow_since=now)

    found = outlook.pace_of(account, waiting, scene_of([running], now))

    assert found.seconds_a_mail == pytest.approx(1 / per_second)


def test_a_lone_account_has_all_that_waits_without_counting() -> None:
    lone = campaign_on(NO_SERVER, people=3, name="lone")

    assert waiting(lone) == [("lone", 3, False)]
