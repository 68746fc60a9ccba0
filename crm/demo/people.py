"""Sample people in the database: the same ones each time, as many as wanted, in constant memory."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import Model

from common.models import Department
from crm.demo.names import CompanyName, PersonName, company_name, cultures, person_name
from crm.models import City, ClientType, Company, Contact, Country, Industry, Lead
from massmail.models.recipient import key_of

BATCH = 2_000  # rows written at once
PEOPLE_PER_COMPANY = 12
MAX_COMPANIES = 5_000


@dataclass(frozen=True, slots=True)
class Assignment:
    """Whose the people are, and what tells this lot of companies from others.

    A mark stands in names and addresses; without one, lots begin at different numbers.
    """

    owner: User
    department: Department | None
    mark: str = ""
    first_company: int = 0

    def company_name(self, number: int) -> CompanyName:
        """Return the name of a company of this lot, counted from 0."""
        return company_name(self.first_company + number, self.mark)


def add_contacts(count: int, assignment: Assignment) -> None:
    """Add contacts, each with a valid address of their own, and their companies.

    Needs the lookups of the installation. Some seconds for 100,000.
    """
    number = max(1, min(count // PEOPLE_PER_COMPANY, MAX_COMPANIES))
    names = [assignment.company_name(i) for i in range(number)]
    employers = list(zip(names, add_companies(number, assignment), strict=True))
    insert_like(Contact(**_ownership(assignment)), (_contact(i, employers) for i in range(count)))


def add_companies(count: int, assignment: Assignment) -> list[Company]:
    """Add companies, each of a type, in an industry, with an address of its own."""
    cities, types = _cities(), list(ClientType.objects.order_by("pk"))
    companies = [
        _company(number, cities, types[number % len(types)], assignment) for number in range(count)
    ]
    _write(Company, companies)
    industries = list(Industry.objects.order_by("pk"))
    link = Company.industry.through
    _write(
        link,
        (
            link(company=company, industry=industries[number % len(industries)])
            for number, company in enumerate(companies)
        ),
    )
    return companies


def add_leads(count: int, assignment: Assignment) -> None:
    """Add leads, at companies that are none of ours."""
    cities = _cities()
    _write(Lead, (_lead(number, cities, assignment) for number in range(count)))


def _company(
    number: int, cities: dict[str, City], client_type: ClientType, assignment: Assignment
) -> Company:
    name = assignment.company_name(number)
    city = cities[name.city]
    return Company(
        **_ownership(assignment),
        **_address(f"info@{name.host}"),
        full_name=name.text,
        type=client_type,
        country=city.country,
        city=city,
    )


def _contact(number: int, employers: list[tuple[CompanyName, Company]]) -> dict[str, Any]:
    again, at = divmod(number, len(employers))
    name, company = employers[at]
    person = person_name(name.culture, at, again)
    return {
        **_address(f"{person.local_part}@{name.host}"),
        **_person(person),
        "company_id": company.pk,
        "country_id": company.country_id,
        "city_id": company.city_id,
    }


def _lead(number: int, cities: dict[str, City], assignment: Assignment) -> Lead:
    name = assignment.company_name(number)
    person = person_name(name.culture, number + 1, 0)
    city = cities[name.city]
    return Lead(
        **_ownership(assignment),
        **_address(f"{person.local_part}@new.{name.host}"),
        **_person(person),
        company_name=name.text,
        country=city.country,
        city=city,
    )


def _ownership(assignment: Assignment) -> dict[str, Any]:
    return {
        "owner": assignment.owner,
        "modified_by": assignment.owner,
        "department": assignment.department,
    }


def _address(email: str) -> dict[str, str]:
    return {"email": email, "address_key": key_of(email)}


def _person(name: PersonName) -> dict[str, str]:
    return {
        "first_name": name.first,
        "middle_name": name.middle,
        "last_name": name.last,
        "sex": name.sex,
        "title": name.title,
    }


def _cities() -> dict[str, City]:
    """Return the cities of all cultures by name, added where they are missing."""
    countries = {country.name: country for country in Country.objects.all()}
    return {
        city: City.objects.get_or_create(name=city, country=countries[culture.country])[0]
        for culture in cultures()
        for city in culture.cities
    }


def insert_like(example: Model, rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows that are like an unsaved example but for some columns, the same in each row.

    Far faster than `bulk_create`, which makes an object of each row and a statement of each
    few. Any: plain values as the columns take them. The example gets no primary key.
    """
    fields = [field for field in example._meta.concrete_fields if not field.primary_key]
    same = {
        field.attname: field.get_db_prep_save(field.pre_save(example, add=True), connection)
        for field in fields
    }
    quote = connection.ops.quote_name
    statement = "INSERT INTO {} ({}) VALUES ({})".format(  # noqa: S608  # quoted names alone
        quote(example._meta.db_table),
        ", ".join(quote(str(field.column)) for field in fields),
        ", ".join(["%s"] * len(fields)),
    )
    values = (tuple((same | row).values()) for row in rows)
    while batch := list(islice(values, BATCH)):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(statement, batch)


def _write(model: type[Model], rows: Iterable[Any]) -> None:  # Any: rows of that model
    remaining = iter(rows)
    while batch := list(islice(remaining, BATCH)):
        model._default_manager.bulk_create(batch)
