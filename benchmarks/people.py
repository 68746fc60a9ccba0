"""An audience for measurements: owner, accounts and any number of people, written by the database.

45 in 100 names are not ASCII, as on a European list. The same people each time.
"""

from django.contrib.auth.models import User
from django.db import connection, models

from crm.models import Company, Contact
from massmail.models import EmailAccount

FIRST_NAMES = (
    "Anna", "Zoë", "Paul", "Jürgen", "Mary", "Олена", "Peter", "José", "Laura", "François",
    "David", "Świętosława", "Emma", "Martin", "Αλέξανδρος", "Kate", "Søren", "Tom", "محمد", "Ella",
)  # fmt: skip
LAST_NAMES = ("Smith", "Miller", "Jones", "Brown", "Taylor", "Wilson", "Clark")
COMPANIES = 100


def add_owner(name: str = "bench") -> User:
    """Add a member of staff."""
    return User.objects.create_user(
        name, email=f"{name}@example.com", is_staff=True, first_name="Bea", last_name="Bench"
    )


def add_relay(owner: User, *, port: int, connections: int = 10, number: int = 1) -> EmailAccount:
    """Add a relay on this machine, without TLS, login, limit or gap."""
    return EmailAccount.objects.create(
        owner=owner,
        name=f"relay {number}",
        kind=EmailAccount.Kind.RELAY,
        from_email=f"Bea Bench <bench{number}@sender.example.com>",
        email_host="127.0.0.1",
        email_port=port,
        email_use_ssl=False,
        daily_limit=0,
        connections=connections,
    )


def add_people(count: int, owner: User) -> models.QuerySet[Contact]:
    """See that this owner has so many contacts; return them.

    Those that are missing come in one statement, each with an address of its own.
    """
    there = Contact.objects.count()
    missing = count - Contact.objects.filter(owner=owner).count()
    if not there:
        Company.objects.bulk_create(
            Company(full_name=f"Company {n} Ltd", owner=owner) for n in range(COMPANIES)
        )
    first_company = Company.objects.order_by("pk")[0].pk
    example = Contact(owner=owner, company_id=first_company)
    computed = {
        "first_name": _pick(FIRST_NAMES),
        "last_name": _pick(LAST_NAMES),
        "email": "'person' || n || '@mail' || (n %% 500) || '.example.com'",
        "address_key": "'person' || n || '@mail' || (n %% 500) || '.example.com'",
        "company_id": f"{first_company} + n %% {COMPANIES}",
    }
    fields = [field for field in Contact._meta.concrete_fields if not field.primary_key]
    constants = [field for field in fields if field.column not in computed]
    names = ", ".join([*computed, *(str(field.column) for field in constants)])
    chosen = ", ".join([*computed.values(), *(["%s"] * len(constants))])
    statement = (
        f"INSERT INTO {Contact._meta.db_table} ({names}) "  # noqa: S608  # names of this module
        f"WITH RECURSIVE series (n) AS (SELECT %s UNION ALL SELECT n + 1 FROM series WHERE n < %s) "
        f"SELECT {chosen} FROM series"
    )
    values = [
        field.get_db_prep_save(field.pre_save(example, add=True), connection) for field in constants
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, [there + 1, there + missing, *values])
        cursor.execute("ANALYZE")
    return Contact.objects.filter(owner=owner)


def _pick(names: tuple[str, ...]) -> str:
    """Return the SQL that gives person n one of some names."""
    turns = " ".join(f"WHEN {turn} THEN '{name}'" for turn, name in enumerate(names))
    return f"CASE n %% {len(names)} {turns} END"
