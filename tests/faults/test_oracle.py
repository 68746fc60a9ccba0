"""The oracle finds each kind of fault in ledgers that are wrong on purpose, and nothing else."""

from dataclasses import replace

import pytest

from tests.faults.accept_log import Accepted
from tests.faults.oracle import LedgerRow, Sample, findings, read_rows, read_samples
from tests.massmail.campaigns import Clock, campaign_on, run, serving

MESSAGE_IDS = [f"<{number}@example.org>" for number in range(1, 7)]


def row(number: int, status: str, **values) -> LedgerRow:
    values = {"attempts": 0 if status in {"pending", "skipped"} else 1} | values
    message_id = "" if status in {"pending", "skipped"} else MESSAGE_IDS[number - 1]
    return LedgerRow(
        number, 1, f"p{number}@example.com", values.pop("message_id", message_id), status, **values
    )


def taken(number: int, recipient: str = "") -> Accepted:
    recipient = recipient or f"P{number}@Example.com"
    return Accepted(0.0, f"<{number}@example.org>", recipient, 1)


SOUND = [
    row(1, "sent"),
    row(2, "uncertain"),
    row(3, "uncertain"),
    row(4, "failed", reason="address"),
    row(5, "skipped", reason="unsubscribed"),
    row(6, "pending", waits_for="it is due later"),
]
LOG = [taken(1), taken(2)]


def with_row(changed: LedgerRow) -> list[LedgerRow]:
    return [changed if r.delivery_id == changed.delivery_id else r for r in SOUND]


def texts(rows, log, **more) -> list[str]:
    return [str(finding) for finding in findings(rows, log, **more)]


def test_a_sound_ledger_has_no_findings():
    balanced = Sample(1, (1, 0, 1, 1, 1, 2), (1, 0, 1, 1, 1, 2))
    eligible = ["p1@example.com", "p6@example.com"]

    assert texts(SOUND, LOG, samples=[balanced, balanced], eligible=eligible) == []


@pytest.mark.parametrize(
    ("changed", "finding"),
    [
        (row(6, "pending"), "C1: deliveries 6 are pending for no reason"),
        (row(6, "in_flight"), "C1: deliveries 6 are in_flight for no reason"),
        (row(6, "queued"), "C1: deliveries 6 are in no known state"),
        (row(4, "failed"), "C1: deliveries 4 failed or were left out without a reason"),
        (row(3, "sent"), "C2: deliveries 3 are sent, but no server took them"),
        (row(3, "uncertain", attempts=0), "C2: deliveries 3 ended without a single attempt"),
        (
            row(4, "failed", reason="address", attempts=0),
            "C2: deliveries 4 ended without a single attempt",
        ),
        (
            row(1, "pending", waits_for="it is due later", message_id=MESSAGE_IDS[0]),
            "C3: deliveries 1 are pending, but a server took them",
        ),
        (
            row(1, "failed", reason="address"),
            "C3: deliveries 1 are failed, but a server took them",
        ),
        (
            row(1, "skipped", reason="cancelled", message_id=MESSAGE_IDS[0]),
            "C3: deliveries 1 are skipped, but a server took them",
        ),
    ],
)
def test_a_wrong_row_is_found(changed, finding):
    assert texts(with_row(changed), LOG) == [finding]


@pytest.mark.parametrize(
    ("log", "finding"),
    [
        (LOG[1:], "C2: deliveries 1 are sent, but no server took them"),
        (
            [*LOG, Accepted(0.0, "<stranger@example.org>", "x@example.com", 1)],
            "C2: <stranger@example.org> were taken by a server, but have no row",
        ),
        (
            [*LOG, taken(1)],
            "C3: <1@example.org> (2 copies) were taken more than once",
        ),
        (
            [*LOG, taken(2)],
            "C3: <2@example.org> (2 copies) were taken more than once",
        ),
        (
            [taken(1, "p2@example.com"), taken(3)],
            "C3: deliveries 1 went to another address than the row's",
        ),
    ],
)
def test_a_wrong_log_is_found(log, finding):
    assert texts(SOUND, log) == [finding]


def test_two_rows_to_one_address_are_found():
    rows = with_row(replace(row(2, "uncertain"), address_key="p1@example.com"))

    assert texts(rows, [taken(1), taken(2, "p1@example.com")]) == [
        "C3: p1@example.com of mailing out 1 got several mails of one mailing out"
    ]


def test_an_eligible_person_left_out_is_found():
    found = texts(SOUND, LOG, eligible=["p5@example.com", "p7@example.com"])

    assert found == [
        "C2: p5@example.com, p7@example.com are eligible, but have no row or are left out"
    ]


def test_what_people_decided_is_no_fault():
    counted_as_sent = with_row(row(3, "sent"))
    sent_again = with_row(row(2, "sent", sent_again=True))

    assert texts(counted_as_sent, LOG, decided=[3]) == []
    assert texts(sent_again, [*LOG, taken(2)]) == []
    assert texts(sent_again, [*LOG, taken(2), taken(2)]) == [
        "C3: <2@example.org> (3 copies) were taken more than once"
    ]


def test_a_row_in_flight_is_explained_by_its_run():
    rows = with_row(row(1, "in_flight", waits_for="a run holds it"))

    assert texts(rows, LOG) == []


def test_poison_may_have_been_taken():
    assert texts(with_row(row(2, "failed", reason="poison")), LOG) == []


@pytest.mark.parametrize(
    ("sample", "finding"),
    [
        (Sample(1, (3, 0, 2, 0, 0, 0), (3, 0, 2, 0, 0, 0)), "has 5 rows, the first one had 6"),
        (Sample(1, (3, 0, 3, 0, 0, 0), (4, 0, 2, 0, 0, 0)), "the counters {'pending': 4"),
        (Sample(1, (6, 0, 0, 0, 0, 0), (7, -1, 0, 0, 0, 0)), "'in_flight': -1"),
    ],
)
def test_an_unbalanced_sample_is_found(sample, finding):
    first = Sample(1, (6, 0, 0, 0, 0, 0), (6, 0, 0, 0, 0, 0))

    (text,) = texts([], [], samples=[first, Sample(2, (1,) * 6, (1,) * 6), sample])

    assert text.startswith("C4: sample 2 of mailing out 1")
    assert finding in text


def test_a_finding_names_ten_ids_and_counts_the_rest():
    rows = [replace(row(1, "pending"), delivery_id=number) for number in range(25)]

    assert texts(rows, []) == [
        "C1: deliveries 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 15 more are pending for no reason"
    ]


@pytest.mark.django_db
def test_the_readers_see_the_ledger_of_a_real_run():
    clock = Clock()
    with serving() as server:
        mailing_out = campaign_on(server, people=4)
        addresses = [r.address_key for r in read_rows()]
        assert {r.waits_for for r in read_rows()} == {""}  # it could leave now
        server.on("rcpt", "450 4.2.0 later", recipient=addresses[0])
        server.on("rcpt", "550 5.1.1 no such user", recipient=addresses[1])
        run(clock)

    seen = read_rows(mailing_outs=[mailing_out.pk], now=clock())
    assert [(r.status, r.reason, r.attempts, r.waits_for) for r in seen] == [
        ("pending", "", 1, "it is due later"),
        ("failed", "address", 1, ""),
        ("sent", "", 1, ""),
        ("sent", "", 1, ""),
    ]
    assert read_rows(now=clock.forward(hours=1))[0].waits_for == ""
    counted = (1, 0, 2, 1, 0, 0)
    assert read_samples() == [Sample(mailing_out.pk, counted, counted)]
