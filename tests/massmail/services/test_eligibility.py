"""May this row still be written to? By the recipient as they are at the moment of the claim."""

from datetime import timedelta

import pytest

from crm.models import Contact
from massmail.clock import database_now
from massmail.models import Delivery, EmailAccount, MassContact, SkipReason, Suppression
from massmail.services.cooling_domains import domain_of
from massmail.services.eligibility import Verdict, addresses_domain, mass_contact_of, verdicts
from tests.massmail.campaigns import campaign_on
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db

NO_SERVER = SmtpServer(port=2525)  # nothing is sent


@pytest.fixture
def mailing_out():
    return campaign_on(NO_SERVER, people=3)


def judge(mailing_out, rows=None) -> list[Verdict]:
    rows = rows or list(mailing_out.deliveries.order_by("pk"))
    account = EmailAccount.objects.get()
    return verdicts(mailing_out, rows, account=account, now=database_now())


def row_of(mailing_out, number: int) -> Delivery:
    return mailing_out.deliveries.order_by("pk")[number]


def change_first(mailing_out, **values) -> None:
    Contact.objects.filter(pk=row_of(mailing_out, 0).recipient_id).update(**values)


def test_who_may_be_written_to_has_all_that_the_mail_needs(mailing_out):
    row = row_of(mailing_out, 0)
    person = Contact.objects.get(pk=row.recipient_id)
    (verdict,) = judge(mailing_out, [row])
    assert verdict == Verdict(
        delivery_id=row.pk,
        recipient=person,
        address=person.email,
        message_id=f"<{row.uuid}@example.org>",
        mass_contact_uuid=MassContact.objects.get(object_id=person.pk).uuid,
        attempts=0,
        first_attempt_at=None,
    )


def test_a_message_id_once_given_stays(mailing_out):
    Delivery.objects.update(message_id="<kept@old.example>")
    assert {verdict.message_id for verdict in judge(mailing_out)} == {"<kept@old.example>"}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"massmail": False}, SkipReason.UNSUBSCRIBED),
        ({"disqualified": True}, SkipReason.DISQUALIFIED),
        ({"email": "nonsense"}, SkipReason.NO_ADDRESS),
        ({"massmail": False, "disqualified": True}, SkipReason.UNSUBSCRIBED),
    ],
)
def test_a_recipient_who_changed_is_left_out(mailing_out, values, reason):
    change_first(mailing_out, **values)
    assert [verdict.skip for verdict in judge(mailing_out)] == [reason, "", ""]


def test_a_recipient_who_is_gone_is_left_out(mailing_out):
    Contact.objects.get(pk=row_of(mailing_out, 0).recipient_id).delete()
    first = judge(mailing_out)[0]
    assert (first.skip, first.recipient) == (SkipReason.RECIPIENT_DELETED, None)


def test_a_mass_contact_that_left_is_left_out(mailing_out):
    first = row_of(mailing_out, 0)
    MassContact.objects.filter(object_id=first.recipient_id).update(massmail=False)
    assert judge(mailing_out)[0].skip == SkipReason.UNSUBSCRIBED


def test_a_recipient_without_a_mass_contact_is_written_to(mailing_out):
    MassContact.objects.all().delete()
    first = judge(mailing_out)[0]
    assert (first.skip, first.mass_contact_uuid) == ("", None)


@pytest.mark.parametrize(
    ("kinds", "reason"),
    [
        (["bounced"], SkipReason.SUPPRESSED),
        (["manual"], SkipReason.SUPPRESSED),
        (["unsubscribed"], SkipReason.UNSUBSCRIBED),
        (["complained"], SkipReason.UNSUBSCRIBED),
        (["bounced", "unsubscribed"], SkipReason.UNSUBSCRIBED),
        (["unsubscribed", "bounced"], SkipReason.UNSUBSCRIBED),
        (["complained", "manual", "bounced"], SkipReason.UNSUBSCRIBED),
    ],
)
def test_a_suppressed_address_is_left_out_for_the_gravest_reason(mailing_out, kinds, reason):
    key = row_of(mailing_out, 0).address_key or ""
    for kind in kinds:
        Suppression.objects.create(address_key=key, kind=kind)
    assert [verdict.skip for verdict in judge(mailing_out)] == [reason, "", ""]


def test_a_suppression_that_is_over_is_none(mailing_out):
    key = row_of(mailing_out, 0).address_key or ""
    until = database_now() - timedelta(seconds=1)
    Suppression.objects.create(address_key=key, kind="bounced", until=until)
    assert judge(mailing_out)[0].skip == ""


def test_the_new_address_is_the_one_that_may_be_suppressed(mailing_out):
    Suppression.objects.create(address_key="new@example.com", kind="bounced")
    change_first(mailing_out, email="New@Example.com")
    assert judge(mailing_out)[0].skip == SkipReason.SUPPRESSED


def test_a_corrected_address_is_used_and_noted(mailing_out):
    change_first(mailing_out, email="New@Example.com")
    first = judge(mailing_out)[0]
    assert (first.address, first.skip) == ("New@Example.com", "")
    assert row_of(mailing_out, 0).address_key == "new@example.com"


def test_a_correction_to_an_address_that_another_row_has_is_a_duplicate(mailing_out):
    other = row_of(mailing_out, 2)
    change_first(mailing_out, email=(other.address_key or "").upper())
    first = judge(mailing_out)[0]
    assert (first.skip, first.duplicate_of) == (SkipReason.DUPLICATE, other.pk)
    assert row_of(mailing_out, 0).address_key is None


def test_of_two_corrected_to_one_address_the_first_is_written_to(mailing_out):
    for number in (0, 1):
        pk = row_of(mailing_out, number).recipient_id
        Contact.objects.filter(pk=pk).update(email="new@example.com")
    first, second, _third = judge(mailing_out)
    assert (first.skip, second.skip) == ("", SkipReason.DUPLICATE)
    assert second.duplicate_of == first.delivery_id


def test_a_window_costs_two_statements(mailing_out, django_assert_num_queries):
    rows, account = list(mailing_out.deliveries.all()), EmailAccount.objects.get()
    now = database_now()
    with django_assert_num_queries(2):
        verdicts(mailing_out, rows, account=account, now=now)


@pytest.mark.parametrize(
    ("from_email", "domain"),
    [
        ("sales@example.org", "example.org"),
        ('"O\'Neil, Zoë" <Sales@BÜCHER.example>', "xn--bcher-kva.example"),
        ("nonsense", "localhost"),
        ("", "localhost"),
    ],
)
def test_the_domain_of_message_ids_is_the_senders(from_email, domain):
    assert addresses_domain(from_email) == domain


def test_a_mass_contact_is_made_once(mailing_out):
    pk = row_of(mailing_out, 0).recipient_id
    MassContact.objects.all().delete()
    made = mass_contact_of(mailing_out, pk)
    assert mass_contact_of(mailing_out, pk) == made
    assert (made.object_id, made.content_type) == (pk, mailing_out.content_type)


def test_mails_to_a_domain_that_rests_wait(mailing_out):
    rows = list(mailing_out.deliveries.order_by("pk"))
    now = database_now()
    until = now + timedelta(minutes=4)
    domain = domain_of(rows[0].address_key)
    judged = verdicts(
        mailing_out, rows, account=EmailAccount.objects.get(), now=now, cooling={domain: until}
    )
    assert [verdict.wait_until for verdict in judged] == [until] * 3


def test_who_is_left_out_neither_waits_nor_probes(mailing_out):
    change_first(mailing_out, massmail=False)
    rows = list(mailing_out.deliveries.order_by("pk"))
    now = database_now()
    judged = verdicts(
        mailing_out,
        rows,
        account=EmailAccount.objects.get(),
        now=now,
        cooling={domain_of(rows[0].address_key): now},
    )
    waits = [(bool(verdict.skip), verdict.wait_until is not None) for verdict in judged]
    assert waits == [(True, False), (False, False), (False, True)]
