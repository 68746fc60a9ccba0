"""F29: people and messages that no mail can be made of. Nobody else waits for them."""

import pytest

from crm.models import Contact
from massmail.models import MailingOut, MessageVersion
from massmail.services.outcomes import PAUSE_AT
from tests.faults.laboratory import EXPERIMENT, IS_LONG

pytestmark = EXPERIMENT

PEOPLE = 2000 if IS_LONG else 120
HOSTILE_NAMES = (
    "Bobby\r\nBcc: everybody@example.com",
    "{{ unsubscribe_url }}{% include 'x' %}",
    "=?utf-8?q?=0D=0ABcc=3A_x=40example.com?=",
    "<script>alert(1)</script>",
    '"quoted" <x@example.com>, y@example.com',
    "\u202eright to left",
    "é" * 100,
    " ",
)


@pytest.fixture
def exploding(monkeypatch):
    """Ids of contacts whose variables cannot be read."""
    ids: set[int] = set()
    usual = Contact.get_variables

    def get_variables(self):
        if self.pk in ids:
            raise ZeroDivisionError("a bug in a recipient type")
        return usual(self)

    monkeypatch.setattr(Contact, "get_variables", get_variables)
    return ids


def test_f29_people_who_cannot_be_rendered_fail_alone(laboratory, exploding):
    server = laboratory.server()
    mailing_out = laboratory.campaign(server, people=PEOPLE)
    ids = list(Contact.objects.order_by("pk").values_list("pk", flat=True))
    exploding.update(laboratory.random.sample(ids, PAUSE_AT - 1))

    laboratory.settle()

    assert laboratory.check() == {"sent": PEOPLE - len(exploding), "failed": len(exploding)}
    failed = mailing_out.deliveries.filter(status="failed")
    assert set(failed.values_list("recipient_id", flat=True)) == exploding
    assert {(row.reason, row.reply) for row in failed} == {("local", "a bug in a recipient type")}
    mailing_out.refresh_from_db()
    assert mailing_out.status == MailingOut.Status.DONE


def test_f29_too_many_of_them_pause_their_mailing_out_and_no_other(laboratory, exploding):
    server = laboratory.server()
    mailing_out = laboratory.campaign(server, people=PEOPLE)
    exploding.update(Contact.objects.values_list("pk", flat=True)[PEOPLE // 2 :])
    other = laboratory.campaign(owner=mailing_out.owner, people=PEOPLE)  # from the same account

    laboratory.settle()

    for each in (mailing_out, other):
        each.refresh_from_db()
    assert (mailing_out.status, mailing_out.pause_reason) == (
        MailingOut.Status.PAUSED,
        MailingOut.PauseReason.TROUBLE,
    )
    assert PAUSE_AT <= mailing_out.failed_count <= 2 * PAUSE_AT
    assert (other.status, other.sent_count) == (MailingOut.Status.DONE, PEOPLE)
    states = laboratory.check()
    assert states["sent"] == mailing_out.sent_count + PEOPLE
    assert states["pending"] == mailing_out.pending_count


def test_f29_hostile_names_harm_nobody(laboratory):
    server = laboratory.server()
    laboratory.campaign(server, people=PEOPLE)
    ids = list(Contact.objects.order_by("pk").values_list("pk", flat=True))
    for pk, name in zip(ids, HOSTILE_NAMES, strict=False):
        Contact.objects.filter(pk=pk).update(first_name=name)

    laboratory.settle()

    states = laboratory.check()
    assert states["sent"] + states["failed"] == PEOPLE
    assert states["failed"] <= len(HOSTILE_NAMES)
    assert {row.reason for row in laboratory.rows() if row.status == "failed"} <= {"local"}


def test_f29_a_message_that_cannot_be_built_stops_its_mailing_out_alone(laboratory):
    server = laboratory.server()
    mailing_out = laboratory.campaign(server, people=30)
    other = laboratory.campaign(owner=mailing_out.owner, people=30)
    MessageVersion.objects.filter(pk=mailing_out.message_version_id).update(
        content="<p>{% nonsense %}</p>"
    )

    laboratory.settle()

    mailing_out.refresh_from_db()
    assert (mailing_out.status, mailing_out.pause_reason) == (
        MailingOut.Status.PAUSED,
        MailingOut.PauseReason.TROUBLE,
    )
    assert laboratory.check() == {"sent": 30, "pending": 30}
    other.refresh_from_db()
    assert other.sent_count == 30
