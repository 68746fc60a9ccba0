"""What a mailing out itself has to say of its state. Nothing is stored."""

from datetime import UTC, datetime

import pytest

from massmail.models import MailingOut
from massmail.services import own_reasons

NOW = datetime(2026, 5, 7, 12, tzinfo=UTC)
MANY_UNCERTAIN = (
    "1,234 mails may or may not have arrived. Decide: count them as sent, or send them again."
)


def said(**values: object) -> list[tuple[str, str]]:
    mailing_out = MailingOut(started_at=NOW, start_at=NOW, **values)
    return [(each.code, each.text) for each in own_reasons.deciding(mailing_out, NOW)]


@pytest.mark.parametrize(
    ("number", "uncertain", "failed"),
    [
        (
            1,
            "1 mail may or may not have arrived. Decide: count it as sent, or send it again.",
            "1 mail failed. It can be tried again.",
        ),
        (
            1_234,
            MANY_UNCERTAIN,
            "1,234 mails failed. They can be tried again.",
        ),
    ],
)
def test_done_tells_what_is_left_to_decide(number: int, uncertain: str, failed: str) -> None:
    assert said(status="D", uncertain_count=number, failed_count=number) == [
        ("done", "It is done."),
        ("uncertain", uncertain),
        ("failed", failed),
    ]


@pytest.mark.parametrize(
    ("status", "text"), [("P", "It is paused. Resume it to go on."), ("I", "It was cancelled.")]
)
def test_what_was_on_the_wire_is_told(status: str, text: str) -> None:
    first, second = said(status=status, in_flight_count=2)

    assert first[1] == text
    assert second == ("on_the_wire", "2 mails were on the wire and may still leave.")


@pytest.mark.parametrize("reason", MailingOut.PauseReason)
def test_every_pause_says_what_to_do(reason: MailingOut.PauseReason) -> None:
    ((code, text),) = said(status="P", pause_reason=reason)

    assert code == "paused"
    assert text.startswith("It is paused")
    assert "esume" in text
