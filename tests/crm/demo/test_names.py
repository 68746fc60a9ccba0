from itertools import islice

from crm.demo.names import company_name, cultures, person_name
from massmail.addresses import address_key


def test_there_are_many_scripts():
    scripts = {ord(culture.families[0].text[0]) >> 8 for culture in cultures()}

    assert len(scripts) >= 10


def test_each_name_has_a_plain_form_for_addresses():
    names = [
        name
        for culture in cultures()
        for name in culture.women + culture.men + culture.families + culture.companies
    ]

    assert [name for name in names if not address_key(f"{name.latin}@example.com")] == []


def test_each_company_has_a_host():
    hosts = [name.latin for culture in cultures() for name in culture.companies]

    assert [host for host in hosts if not address_key(f"info@{host}.example.com")] == []


def test_companies_differ_in_name_and_host():
    companies = [company_name(number) for number in range(1_000)]

    assert len({(company.text, company.culture.country) for company in companies}) == 1_000
    assert len({company.host for company in companies}) == 1_000


def test_mark_makes_other_companies():
    plain, marked = company_name(3), company_name(3, "demo-1")

    assert marked.text == f"{plain.text} (demo-1)"
    assert ".demo-1.example." in marked.host


def test_hosts_are_reserved_for_examples():
    hosts = [company_name(number).host for number in range(100)]

    assert {host.split(".", 1)[1] for host in hosts} == {
        "example.com",
        "example.org",
        "example.net",
    }


def test_people_of_a_company_have_addresses_of_their_own():
    culture = company_name(5).culture

    people = [person_name(culture, 5, number) for number in range(120)]

    assert len({person.local_part for person in people}) == 120
    assert len({(person.first, person.last) for person in people[:50]}) == 50


def test_some_have_a_middle_name_and_each_a_sex():
    culture = company_name(0).culture
    people = [person_name(culture, 0, number) for number in range(20)]

    assert {bool(person.middle) for person in people} == {True, False}
    assert {person.sex for person in people} == {"F", "M"}
    assert not [person for person in islice(people, 20) if person.middle == person.first]


def test_the_same_number_is_the_same_person():
    culture = company_name(7).culture

    assert person_name(culture, 7, 3) == person_name(culture, 7, 3)
