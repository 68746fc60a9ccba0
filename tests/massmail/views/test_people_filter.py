import pytest
from django.http import QueryDict

from massmail.models import MailingOut
from massmail.views.people_filter import PeopleFilter
from tests.massmail.cast import Cast
from tests.massmail.services.test_drafts import settle


@pytest.fixture
def mailing_out(cast: Cast) -> MailingOut:
    """Return one with a row sent, two failed, and two that wait."""
    mailing_out = cast.started(number=5)
    settle(mailing_out, sent=1, failed=2)
    mailing_out.refresh_from_db()
    return mailing_out


def of(text: str) -> PeopleFilter:
    return PeopleFilter.from_query(QueryDict(text))


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 5),
        ("state=failed", 2),
        ("state=waiting", 2),
        ("state=left-out", 0),
        ("reason=address", 2),
        ("state=failed&reason=temporary", 0),
        ("q=EXAMPLE.com", 5),
        ("q=@example.com", 5),
        ("q=no such person", 0),
        ("q=id0", 0),
    ],
)
def test_number_is_that_of_the_rows(mailing_out: MailingOut, text: str, number: int) -> None:
    assert of(text).number(mailing_out) == number
    assert of(text).rows(mailing_out).count() == number


def test_what_is_unknown_is_not_narrowed_by() -> None:
    assert of("state=x&reason=y&q=+%00+") == PeopleFilter()


def test_query_leads_back_to_the_filter() -> None:
    shown = PeopleFilter(state="failed", reason="address", search="Zoë & O'Neil")

    assert of(shown.query) == shown
    assert PeopleFilter().query == ""


def test_id_alone_finds_only_that_person(mailing_out: MailingOut) -> None:
    recipient_id = mailing_out.deliveries.order_by("pk")[0].recipient_id

    rows = PeopleFilter(search=f"ID{recipient_id}").rows(mailing_out)

    assert [row.recipient_id for row in rows] == [recipient_id]


def test_words_name_everything() -> None:
    shown = PeopleFilter(state="left-out", reason="duplicate", search="Zoë")

    assert shown.words == "left out, same address twice, Zoë"
    assert PeopleFilter().words == "everybody"
