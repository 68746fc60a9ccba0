"""F32: people who leave, or are barred, while their mail waits and while it is on its way."""

import pytest

from crm.models import Contact
from massmail.models import Delivery, MassContact, Suppression
from massmail.services import unsubscribe
from tests.faults.laboratory import EXPERIMENT, IS_LONG

pytestmark = EXPERIMENT

PEOPLE = 3000 if IS_LONG else 240


def leave(row: Delivery, now) -> None:
    unsubscribe.unsubscribe(
        MassContact.objects.get(object_id=row.recipient_id), source="link", now=now
    )


def suppress(row: Delivery, now) -> None:
    Suppression.objects.create(address_key=row.address_key or "", kind=Suppression.Kind.MANUAL)


def switch_off(row: Delivery, now) -> None:
    Contact.objects.filter(pk=row.recipient_id).update(massmail=False)


def disqualify(row: Delivery, now) -> None:
    Contact.objects.filter(pk=row.recipient_id).update(disqualified=True)


def delete(row: Delivery, now) -> None:
    Contact.objects.filter(pk=row.recipient_id).delete()


WISHES = {
    leave: "unsubscribed",
    suppress: "suppressed",
    switch_off: "unsubscribed",
    disqualify: "disqualified",
    delete: "deleted",
}


@pytest.mark.parametrize("connections", [1, 5])
@pytest.mark.parametrize(("wish", "reason"), WISHES.items())
def test_f32_whose_row_was_not_in_flight_gets_no_mail(laboratory, wish, reason, connections):
    """In the middle of a run some people of each state have a wish; it holds from that moment."""
    server = laboratory.server()
    mailing_out = laboratory.campaign(server, people=PEOPLE, connections=connections)
    wished: dict[int, str] = {}  # delivery -> its state at that moment

    def act() -> None:
        """Pick some rows of each state, once a third was sent."""
        if wished or len(server.log.entries) < PEOPLE // 3:
            return
        for status in ("pending", "in_flight", "sent"):
            rows = list(mailing_out.deliveries.filter(status=status).order_by("pk"))
            for row in rows[:: max(1, len(rows) // 10)][:10]:
                wish(row, laboratory.time.now())
                wished[row.pk] = status

    laboratory.meanwhile = act

    laboratory.settle()

    states = laboratory.check()
    rows = {row.delivery_id: row for row in laboratory.rows()}
    assert set(wished.values()) == {"pending", "in_flight", "sent"}
    for pk, status in wished.items():
        expected = ("skipped", reason) if status == "pending" else ("sent", "")
        assert (rows[pk].status, rows[pk].reason) == expected, (pk, status)
    waited = [pk for pk, status in wished.items() if status == "pending"]
    assert states == {"sent": PEOPLE - len(waited), "skipped": len(waited)}
    assert len(server.accepted) == PEOPLE - len(waited)


def test_f32_a_retry_asks_again(laboratory):
    """Whoever leaves between two attempts gets no second one."""
    server = laboratory.server()
    mailing_out = laboratory.campaign(server, people=20)
    server.on("rcpt", "451 4.3.0 Try again later", times=20)
    laboratory.tick()
    first, *_others = mailing_out.deliveries.order_by("pk")

    leave(first, laboratory.time.now())
    laboratory.settle()

    assert laboratory.check() == {"sent": 19, "skipped": 1}
    first.refresh_from_db()
    assert (first.status, first.reason) == ("skipped", "unsubscribed")
