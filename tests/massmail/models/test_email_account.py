"""Accounts: what the database refuses, who may use them, and that their secrets are no one's."""

from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.db.models import ProtectedError

from massmail.forms.email_account_form import EmailAccountForm
from massmail.models import EmailAccount, MassmailSettings
from massmail.services.account_health import hindrance
from tests.factories import (
    DepartmentFactory,
    EmailAccountFactory,
    MainAccountFactory,
    SuperuserFactory,
    UserFactory,
)

CANARY = "canary-7f3a"
SECRETS = ("email_host_password", "email_app_password", "refresh_token")
TODAY = date(2026, 5, 4)


@pytest.fixture
def owner(db):
    return UserFactory.create()


# --- what the database refuses


def test_an_owner_has_one_main_account(owner):
    MainAccountFactory.create(owner=owner)
    EmailAccountFactory.create_batch(2, owner=owner)
    MainAccountFactory.create()
    with pytest.raises(IntegrityError):
        MainAccountFactory.create(owner=owner)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "values",
    [
        {"email_port": 0},
        {"email_port": 65536},
        {"email_use_tls": True, "email_use_ssl": True},
        {"gap_min_s": 2, "gap_max_s": 1},
        {"gap_min_s": 2, "gap_max_s": None},
        {"gap_min_s": None, "gap_max_s": 2},
        {"connections": 0},
        {"connections": 51},
        {"per_second": 0},
        {"per_second": -1},
    ],
    ids=lambda values: ",".join(f"{name}={value}" for name, value in values.items()),
)
def test_what_makes_no_sense_is_refused(values):
    with pytest.raises(IntegrityError):
        EmailAccountFactory.create(**values)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "values",
    [
        {"email_port": 1},
        {"email_port": 65535},
        {"email_use_tls": True, "email_use_ssl": False},
        {"email_use_tls": False, "email_use_ssl": True},
        {"gap_min_s": 0, "gap_max_s": 0},
        {"gap_min_s": 3, "gap_max_s": 3},
        {"connections": 50},
        {"per_second": 0.01},
        {"daily_limit": 0},
    ],
    ids=lambda values: ",".join(f"{name}={value}" for name, value in values.items()),
)
def test_the_edges_are_accepted(values):
    account = EmailAccountFactory.create(**values)
    account.full_clean()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"email_use_tls": True, "email_use_ssl": True}, "Choose STARTTLS or TLS from the start"),
        ({"gap_min_s": 2, "gap_max_s": 1}, "Give both gaps, the shortest not above the longest."),
        ({"gap_min_s": 2}, "Give both gaps, the shortest not above the longest."),
        ({"main": True}, "This owner already has a main account."),
    ],
)
def test_the_form_is_told_in_a_sentence(owner, values, message):
    MainAccountFactory.create(owner=owner)
    with pytest.raises(ValidationError, match=message):
        EmailAccountFactory.build(owner=owner, **values).full_clean()


def test_the_owner_of_an_account_is_not_deleted(owner):
    EmailAccountFactory.create(owner=owner)
    with pytest.raises(ProtectedError):
        owner.delete()


def test_the_account_of_a_deleted_co_owner_stays(owner):
    co_owner = UserFactory.create()
    account = EmailAccountFactory.create(owner=owner, co_owner=co_owner)
    co_owner.delete()
    account.refresh_from_db()
    assert account.co_owner is None


# --- who may do what


class People:
    """An owner with a plain, a shared and a main account, and everybody around them."""

    def __init__(self) -> None:
        department = DepartmentFactory.create()
        self.owner = UserFactory.create(departments=[department])
        self.co_owner = UserFactory.create()
        self.colleague = UserFactory.create(departments=[department])
        self.stranger = UserFactory.create(departments=[DepartmentFactory.create()])
        self.superuser = SuperuserFactory.create()
        self.anonymous = AnonymousUser()
        common = {"owner": self.owner, "department": department}
        EmailAccountFactory.create(name="plain", co_owner=self.co_owner, **common)
        EmailAccountFactory.create(name="shared", shared=True, **common)
        EmailAccountFactory.create(name="off", shared=True, massmail=False, **common)
        MainAccountFactory.create(name="main", shared=True, co_owner=self.co_owner, **common)


@pytest.fixture
def people(db):
    return People()


def names(queryset) -> str:
    return " ".join(sorted(queryset.values_list("name", flat=True)))


@pytest.mark.parametrize(
    ("who", "visible", "changeable"),
    [
        ("owner", "main off plain shared", "main off plain shared"),
        ("co_owner", "main plain", "main plain"),
        ("colleague", "main off shared", ""),
        ("stranger", "", ""),
        ("superuser", "main off plain shared", "main off plain shared"),
        ("anonymous", "", ""),
    ],
)
def test_who_sees_and_changes(people, who, visible, changeable):
    user = getattr(people, who)
    assert names(EmailAccount.objects.visible_to(user)) == visible
    assert names(EmailAccount.objects.changeable_by(user)) == changeable


@pytest.mark.parametrize(
    ("who", "usable", "rotation"),
    [
        ("owner", "main off plain shared", "plain shared"),
        ("co_owner", "plain", "plain"),
        ("colleague", "off shared", "shared"),
        ("stranger", "", ""),
        ("superuser", "", ""),
    ],
)
def test_whose_mailing_outs_send_with_it(people, who, usable, rotation):
    user = getattr(people, who)
    assert names(EmailAccount.objects.usable_by(user)) == usable
    assert names(EmailAccount.objects.in_rotation_of(user)) == rotation


def test_the_rotation_goes_by_id(owner):
    made = [EmailAccountFactory.create(owner=owner, name=name) for name in "cab"]
    assert list(EmailAccount.objects.in_rotation_of(owner)) == made


# --- secrets


def test_no_secret_stands_in_the_table(owner):
    account = EmailAccountFactory.create(
        owner=owner, **{name: f"{CANARY} {name}" for name in SECRETS}
    )
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM massmail_emailaccount WHERE id = %s", [account.pk])
        (row,) = cursor.fetchall()
    assert CANARY not in repr(row)
    assert repr(row).count("f1:gAAAA") == len(SECRETS)
    loaded = EmailAccount.objects.get()
    assert [getattr(loaded, name) for name in SECRETS] == [f"{CANARY} {name}" for name in SECRETS]


def test_no_secret_stands_in_a_form(owner):
    account = EmailAccountFactory.create(owner=owner, **dict.fromkeys(SECRETS, CANARY))
    form = EmailAccountForm(instance=EmailAccount.objects.get(pk=account.pk))
    assert CANARY not in form.as_p()
    assert "f1:" not in form.as_p()
    assert "refresh_token" not in form.fields


def test_no_secret_stands_in_its_text(owner):
    account = EmailAccountFactory.create(owner=owner, **dict.fromkeys(SECRETS, CANARY))
    assert CANARY not in f"{account} {account!r}"


# --- limits and pace


@pytest.mark.parametrize(
    ("kind", "own", "expected"),
    [
        ("mailbox", None, 94),
        ("relay", None, None),
        ("mailbox", 0, None),
        ("relay", 0, None),
        ("mailbox", 5, 5),
        ("relay", 5, 5),
    ],
)
def test_the_limit_of_a_day(kind, own, expected):
    account = EmailAccount(kind=kind, daily_limit=own)
    assert account.effective_daily_limit(MassmailSettings()) == expected


@pytest.mark.parametrize(
    ("kind", "own", "expected"),
    [
        ("mailbox", (None, None), (15, 35)),
        ("relay", (None, None), (0, 0)),
        ("mailbox", (0, 0), (0, 0)),
        ("relay", (1, 2), (1, 2)),
    ],
)
def test_the_gap_between_mails(kind, own, expected):
    account = EmailAccount(kind=kind, gap_min_s=own[0], gap_max_s=own[1])
    assert account.effective_gap_s(MassmailSettings()) == expected


@pytest.mark.parametrize(
    ("limit", "used_on", "used", "left"),
    [
        (10, TODAY, 4, 6),
        (10, TODAY, 10, 0),
        (10, TODAY, 11, 0),
        (10, date(2026, 5, 3), 10, 10),
        (10, None, 0, 10),
        (0, TODAY, 500, None),
    ],
)
def test_what_is_left_of_a_day(limit, used_on, used, left):
    account = EmailAccount(daily_limit=limit, today_date=used_on, today_count=used)
    assert account.allowance_left(MassmailSettings(), TODAY) == left


@pytest.mark.django_db
@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_of_any_length_is_kept(owner, name):
    EmailAccountFactory.create(owner=owner, **{name: "x" * 4_000})
    assert getattr(EmailAccount.objects.get(), name) == "x" * 4_000


# --- who may send now


def test_the_query_finds_those_whom_nothing_hinders(owner):
    settings_row = MassmailSettings(time_zone="UTC", emails_per_day=5)
    now = datetime(2026, 5, 4, 12, tzinfo=UTC)
    moments = (None, now - timedelta(seconds=1), now, now + timedelta(seconds=1))
    limits = ((None, 5), (None, 4), (0, 10**6), (3, 3), (3, 2), (3, 9))
    accounts = [
        EmailAccountFactory.build(
            owner=owner, kind=kind, daily_limit=limit, today_count=count, today_date=today
        )
        for kind, (limit, count), today in product(
            EmailAccount.Kind, limits, (None, TODAY, TODAY - timedelta(days=1))
        )
    ]
    accounts += [EmailAccountFactory.build(owner=owner, cooling_until=at) for at in moments]
    accounts += [EmailAccountFactory.build(owner=owner, next_send_at=at) for at in moments]
    accounts += [EmailAccountFactory.build(owner=owner, massmail=False)]
    EmailAccount.objects.bulk_create(accounts)

    found = set(EmailAccount.objects.may_send(settings_row, now))

    assert found == {
        each for each in EmailAccount.objects.all() if hindrance(each, settings_row, now) is None
    }
