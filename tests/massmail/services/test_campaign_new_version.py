"""An edited message reaches those who still wait, only when it is said to, and nobody else."""

from email import message_from_bytes

import pytest

from massmail.errors import IllegalTransition, StartRefused
from massmail.models import EmailAccount, EmlMessage, MailingOut, MessageVersion
from massmail.services import campaign, versions
from massmail.services.delivery_run import deliver
from massmail.services.surroundings import Surroundings
from tests.factories import SignatureFactory
from tests.massmail.campaigns import Clock, campaign_on, refreshed
from tests.massmail.drafts import draft
from tests.massmail.ledger_runs import Run
from tests.smtp_server import SmtpServer

pytestmark = pytest.mark.django_db
STATUS = MailingOut.Status


def edit(mailing_out: MailingOut, **values: str) -> EmlMessage:
    values = values or {"subject": "Corrected"}
    messages = EmlMessage.objects.filter(mailing_outs=mailing_out)
    messages.update(**values)
    return messages.get()


@pytest.mark.parametrize("pauses", [False, True])
def test_rest_gets_the_message_as_it_is_now(running, pauses):
    first = running.message_version
    if pauses:
        running.pause()
    edit(running)

    campaign.use_new_version(running)

    assert (running.message_version.subject, running.first_version) == ("Corrected", first)
    assert running.status == (STATUS.PAUSED if pauses else STATUS.ACTIVE)


def test_new_version_may_greet(running):
    edit(running, content="<p>{{ salutation }}</p>")

    campaign.use_new_version(running)

    assert "salutation" in running.message_version.content


def test_first_version_is_remembered_over_many(running):
    first = running.message_version
    for subject in ("Corrected", "Corrected again"):
        edit(running, subject=subject)
        campaign.use_new_version(running)

    assert (running.message_version.subject, running.first_version) == ("Corrected again", first)


def test_edit_alone_changes_nothing(running):
    message = edit(running)

    assert not versions.is_current(running.message_version, message)
    assert MailingOut.objects.get().message_version == running.message_version


def test_edited_signature_is_noticed(owner, account):
    mailing_out = draft(owner)
    signature = SignatureFactory.create(owner=owner)
    EmlMessage.objects.update(signature=signature)
    mailing_out.refresh_from_db()
    mailing_out.start()
    frozen = MessageVersion.objects.get()
    before = versions.is_current(frozen, EmlMessage.objects.get())

    type(signature).objects.update(content="<p>Regards</p>")

    after = versions.is_current(frozen, EmlMessage.objects.get())
    assert (before, after) == (True, False)


def refused(mailing_out: MailingOut, error: type[Exception]) -> str:
    before = MailingOut.objects.filter(pk=mailing_out.pk).values("message_version").get()
    with pytest.raises(error) as refusal:
        campaign.use_new_version(mailing_out)
    assert MailingOut.objects.filter(pk=mailing_out.pk).values("message_version").get() == before
    return str(refusal.value)


def test_message_that_does_not_compile_is_refused(running):
    edit(running, content="<p>{% if %}</p>")

    assert refused(running, StartRefused).startswith("The message cannot be sent as it is:")


def test_message_that_asks_for_what_these_people_lack_is_refused(running):
    edit(running, content="<p>{{ company_name }}</p>")

    assert refused(running, StartRefused) == (
        "The message uses “company_name”, which contacts do not have."
    )


def test_unchanged_message_is_refused(running):
    assert refused(running, IllegalTransition) == (
        "The message has not changed since it was frozen."
    )


def test_draft_is_refused(owner):
    assert refused(draft(owner), IllegalTransition) == (
        "“Spring” is a draft: it was not started yet."
    )


@pytest.mark.parametrize(
    ("status", "text"),
    [(STATUS.DONE, "“Spring” is done."), (STATUS.INTERRUPTED, "“Spring” was cancelled.")],
)
def test_what_is_over_is_refused(running, status, text):
    MailingOut.objects.update(status=status)
    edit(running)

    assert refused(running, IllegalTransition) == text


# --- with a run at work


def test_window_on_the_wire_keeps_its_message_and_the_next_has_the_new(owner):
    with SmtpServer() as server:
        mailing_out = campaign_on(server, people=5, owner=owner)
        MailingOut.objects.update(window_limit=2)
        account_id = EmailAccount.objects.get().pk
        asked: list[bool] = []

        def now_local():
            """Called for each mail as it is built: the first one is the moment of the edit."""
            if not asked:
                edit(mailing_out, subject="Corrected")
                campaign.use_new_version(mailing_out)
            asked.append(True)
            return Surroundings().now_local()

        deliver(account_id, Surroundings(now=Clock(), now_local=now_local))

        subjects = [message_from_bytes(mail.data)["Subject"] for mail in server.mails]
        rows = list(mailing_out.deliveries.order_by("pk"))
    mailing_out = refreshed(mailing_out)
    assert mailing_out.sent_count == 5
    assert [subject == "Corrected" for subject in subjects] == [False, False, True, True, True]
    assert [row.message_version for row in rows] == [
        None,
        None,
        *[mailing_out.message_version] * 3,
    ]


def test_claim_writes_no_version_before_the_first_exchange(running, account):
    Run.of(account, Clock()()).claim()

    rows = running.deliveries.values_list("status", "message_version")
    assert set(rows) == {("in_flight", None)}


def test_claim_from_before_the_exchange_counts_for_the_first_version(running, account):
    run = Run.of(account, Clock()())
    run.claim(size=1)
    edit(running)
    campaign.use_new_version(running)
    run.claim(size=1)

    rows = running.deliveries.order_by("pk").values_list("message_version", flat=True)
    assert list(rows) == [None, running.message_version_id]
