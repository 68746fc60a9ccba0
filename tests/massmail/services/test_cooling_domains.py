"""Which mails wait for a domain that rests, for how long, and who finds out whether it is over."""

from datetime import UTC, datetime, timedelta

import pytest

from massmail.models import CoolingDomain, Delivery, EmailAccount
from massmail.services import cooling_domains
from massmail.services.cooling_domains import PROBE_WAIT, active, cool, domain_of, recover, waits
from massmail.services.reply_rules import Action, Decision
from tests.factories import EmailAccountFactory
from tests.massmail.campaigns import Clock, campaign_on, counts, refreshed, rows, run
from tests.massmail.ledger_runs import NO_SERVER, Run

NOW = datetime(2026, 5, 7, 12, tzinfo=UTC)
LATER = NOW + timedelta(minutes=4)
THROTTLED = Decision(Action.LATER, "temporary", why="throttled", rests_domain=True)
COMPLAINTS = Decision(
    Action.LATER, "temporary", why="complaints", rests_domain=True, rest_s=4 * 3600
)


@pytest.mark.parametrize(
    ("address", "domain"),
    [("Ann@Example.COM", "example.com"), ("a@b@example.org", "example.org"), ("", "")],
)
def test_domain_of_an_address(address, domain):
    assert domain_of(address) == domain


@pytest.mark.parametrize(
    ("domains", "expected"),
    [
        (["free.example", "free.example"], [None, None]),
        (["rests.example", "free.example", "rests.example"], [LATER, None, LATER]),
        (
            ["over.example", "over.example", "rests.example", "over.example"],
            [None, NOW + PROBE_WAIT, LATER, NOW + PROBE_WAIT],
        ),
        ([""], [None]),
        ([], []),
    ],
)
def test_who_waits_and_who_probes(domains, expected):
    cooling = {"rests.example": LATER, "over.example": NOW}
    assert waits(domains, cooling, NOW) == expected


@pytest.mark.django_db
class TestRests:
    @pytest.fixture
    def account(self) -> EmailAccount:
        return EmailAccountFactory.create()

    def test_they_double_up_to_half_an_hour(self, account):
        minutes = [
            (cool(account.pk, "x.example", THROTTLED, reply="451 4.7.1 no", now=NOW) - NOW)
            / timedelta(minutes=1)
            for _ in range(7)
        ]
        assert minutes == [1, 2, 4, 8, 16, 30, 30]
        assert CoolingDomain.objects.get().count == 7

    def test_complaints_rest_at_least_four_hours(self, account):
        until = cool(account.pk, "yahoo.example", COMPLAINTS, reply="421 [TSS04]", now=NOW)
        assert until == NOW + timedelta(hours=4)
        assert active(account.pk, NOW) == {"yahoo.example": until}

    def test_what_the_server_asks_for_is_kept(self, account):
        reply = "450 4.7.1 deferred, retry in 90 minutes"
        until = cool(account.pk, "x.example", THROTTLED, reply=reply, now=NOW)
        assert until == NOW + timedelta(minutes=90)

    def test_they_are_of_one_account(self, account):
        cool(account.pk, "x.example", THROTTLED, reply="", now=NOW)
        assert active(EmailAccountFactory.create().pk, NOW) == {}

    def test_one_that_is_over_has_to_be_probed_until_a_mail_is_taken(self, account):
        until = cool(account.pk, "x.example", THROTTLED, reply="", now=NOW)
        assert active(account.pk, until + timedelta(hours=23)) == {"x.example": until}
        recover(account.pk, ["x.example", "y.example"])
        assert active(account.pk, until) == {}

    def test_one_of_long_ago_is_forgotten(self, account):
        until = cool(account.pk, "old.example", THROTTLED, reply="", now=NOW)
        later = until + cooling_domains.FORGOTTEN_AFTER
        assert active(account.pk, later) == {}
        cool(account.pk, "new.example", THROTTLED, reply="", now=later)
        assert [row.domain for row in CoolingDomain.objects.all()] == ["new.example"]

    def test_nothing_is_asked_where_there_is_nothing_to_do(self, django_assert_num_queries):
        with django_assert_num_queries(0):
            cooling_domains.put_off({})
            recover(1, [])


def two_domains(people: int, server=NO_SERVER, **account_values):
    """A mailing out whose people are, in turn, at slow.example and fast.example."""
    mailing_out = campaign_on(server, people=people, start=False, **account_values)
    everybody = mailing_out.recipient_model._default_manager.order_by("pk")
    for number, person in enumerate(everybody):
        person.email = f"p{number}@{('slow', 'fast')[number % 2]}.example"
        person.save()
    mailing_out.start()
    return mailing_out


def waiting_for(mailing_out) -> dict[str, set[datetime | None]]:
    found: dict[str, set[datetime | None]] = {}
    for row in mailing_out.deliveries.filter(status=Delivery.Status.PENDING):
        found.setdefault(domain_of(row.address_key), set()).add(row.due_at)
    return found


@pytest.mark.django_db
class TestClaims:
    def test_mails_to_a_domain_that_rests_wait_and_the_others_go(
        self, django_assert_max_num_queries
    ):
        mailing_out = two_domains(10)
        account = EmailAccount.objects.get()
        clock = Clock()
        until = cool(account.pk, "slow.example", COMPLAINTS, reply="", now=clock())

        with django_assert_max_num_queries(20):
            claimed = Run.of(account, clock()).claimed()

        assert len(claimed) == 5
        assert counts(mailing_out) == {"pending": 5, "in_flight": 5}
        assert waiting_for(mailing_out) == {"slow.example": {until}}

    def test_one_mail_probes_and_the_others_wait_a_minute(self):
        mailing_out = two_domains(10)
        account = EmailAccount.objects.get()
        clock = Clock()
        cool(account.pk, "slow.example", THROTTLED, reply="", now=clock())
        now = clock.forward(minutes=2)

        claimed = Run.of(account, now).claimed()

        assert len(claimed) == 6
        assert waiting_for(mailing_out) == {"slow.example": {now + PROBE_WAIT}}

    def test_claim_looks_past_many_that_wait(self):
        mailing_out = two_domains(12)
        account = EmailAccount.objects.get()
        clock = Clock()
        cool(account.pk, "slow.example", THROTTLED, reply="", now=clock())
        assert len(Run.of(account, clock()).claimed(size=1)) == 1
        assert counts(mailing_out) == {"pending": 11, "in_flight": 1}


@pytest.mark.django_db
class TestRuns:
    def test_a_domain_that_throttles_holds_up_nobody_else(self, server):
        clock = Clock()
        mailing_out = two_domains(8, server)
        for row in rows(mailing_out):
            if domain_of(row.address_key or "") == "slow.example":
                server.on("rcpt", "451 4.7.1 slow down", recipient=row.address_key)

        run(clock)

        assert refreshed(mailing_out).sent_count == 4
        account = EmailAccount.objects.get()
        assert (account.cooling_until, account.massmail) == (None, True)
        assert set(active(account.pk, clock())) == {"slow.example"}
        # the mails of the window that met it were refused; none of them is lost
        assert refreshed(mailing_out).pending_count == 4

    def test_a_large_mailing_out_sends_nothing_to_a_domain_that_rests(self, server):
        """Also where whole windows are recorded and claimed in one statement."""
        clock = Clock()
        mailing_out = two_domains(240, server)
        account = EmailAccount.objects.get()
        until = cool(account.pk, "slow.example", COMPLAINTS, reply="", now=clock())

        run(clock)

        assert refreshed(mailing_out).sent_count == 120
        assert waiting_for(mailing_out) == {"slow.example": {until}}
        assert {domain_of(mail.recipients[0]) for mail in server.mails} == {"fast.example"}

    def test_mails_taken_before_a_domain_throttled_do_not_end_its_rest(self, server):
        clock = Clock()
        mailing_out = two_domains(20, server)
        slow = [row for row in rows(mailing_out) if "slow" in (row.address_key or "")]
        for row in slow[5:]:
            server.on("rcpt", "451 4.7.1 slow down", recipient=row.address_key)

        run(clock)

        assert refreshed(mailing_out).sent_count >= 5
        assert set(active(EmailAccount.objects.get().pk, clock())) == {"slow.example"}

    def test_it_goes_on_when_the_domain_takes_a_mail_again(self, server):
        clock = Clock()
        mailing_out = two_domains(8, server)
        for row in rows(mailing_out):
            if domain_of(row.address_key or "") == "slow.example":
                server.on("rcpt", "451 4.7.1 slow down", recipient=row.address_key, times=1)
        run(clock)

        for _ in range(8):
            clock.forward(minutes=10)
            run(clock)

        assert refreshed(mailing_out).sent_count == 8
        assert not CoolingDomain.objects.exists()

    def test_complaints_hold_a_domain_for_four_hours(self, server):
        clock = Clock()
        mailing_out = two_domains(2, server)
        slow = rows(mailing_out)[0]
        server.on("mail", "421 4.7.0 [TSS04] Messages temporarily deferred", times=1)

        run(clock)
        clock.forward(hours=3, minutes=50)
        run(clock)
        slow.refresh_from_db()
        assert (slow.status, refreshed(mailing_out).sent_count) == ("pending", 1)
        clock.forward(minutes=20)
        run(clock)

        assert refreshed(mailing_out).sent_count == 2
