"""What the roles find in the admin: whose rows are listed, opened, changed and given away."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from common.models import Department, Role
from crm.models import Company
from crm.services import installation
from tests.factories import CompanyFactory, DepartmentFactory, SuperuserFactory, UserFactory

pytestmark = pytest.mark.django_db

LIST = reverse("admin:crm_company_changelist")


@pytest.fixture
def department() -> Department:
    installation.install_groups()
    return DepartmentFactory.create()


@pytest.fixture
def owner(department: Department) -> User:
    return somebody(department, Role.MANAGERS)


@pytest.fixture
def company(owner: User, department: Department) -> Company:
    return CompanyFactory.create(owner=owner, department=department)


def somebody(department: Department | None, *roles: Role, **fields: object) -> User:
    groups = [*Group.objects.filter(name__in=roles), *([department] if department else [])]
    return UserFactory.create(departments=groups, **fields)


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def listed(user: User, query: dict[str, int | str] | None = None) -> list[Company]:
    return list(client_of(user).get(LIST, query or {}).context["cl"].queryset)


def change(user: User, company: Company, **values: object) -> int:
    owner, department = company.owner_id or "", company.department_id or ""
    form = {
        "full_name": company.full_name,
        "email": company.email,
        "massmail": "on",
        "owner": owner,
        "department": department,
    }
    url = reverse("admin:crm_company_change", args=[company.pk])
    return client_of(user).post(url, form | values).status_code


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.MANAGERS, 403),
        (Role.OPERATORS, 302),
        (Role.SUPEROPERATORS, 302),
        (Role.CHIEFS, 403),
    ],
)
def test_people_of_a_colleague_are_changed_by_operators(role, status, department, company):
    assert change(somebody(department, role), company, full_name="New") == status

    company.refresh_from_db()
    assert (company.full_name == "New") is (status == 302)


@pytest.mark.parametrize("role", [Role.MANAGERS, Role.OPERATORS, Role.SUPEROPERATORS])
def test_people_of_another_department_do_not_exist(role, company):
    assert change(somebody(DepartmentFactory.create(), role), company) == 404


@pytest.mark.parametrize("role", [Role.OPERATORS, Role.SUPEROPERATORS, Role.ACCOUNTANTS])
def test_who_has_nothing_of_mass_mail_is_refused(role, department):
    client = client_of(somebody(department, role))

    for name in ("mailingout", "emlmessage", "emailaccount", "signature"):
        url = reverse(f"admin:massmail_{name}_changelist")
        assert client.get(url).status_code == 403


def test_chief_reads_every_department_and_begins_with_everybody(company):
    chief = somebody(DepartmentFactory.create(), Role.CHIEFS)
    other = CompanyFactory.create(department=chief.groups.get(department__isnull=False).department)

    assert set(listed(chief)) == {company, other}
    assert listed(chief, {"department": company.department_id}) == [company]


def test_chief_who_is_a_manager_begins_with_their_own(company):
    assert listed(somebody(None, Role.CHIEFS, Role.MANAGERS)) == []


def test_departments_are_offered_to_those_who_read_several(department, company):
    def titles(user: User) -> set[str]:
        specs = client_of(user).get(LIST).context["cl"].filter_specs
        return {str(spec.title) for spec in specs}

    several = somebody(department, Role.MANAGERS)
    several.groups.add(DepartmentFactory.create())
    assert "department" not in titles(somebody(department, Role.MANAGERS))
    assert "department" in titles(several)
    assert "department" in titles(SuperuserFactory.create())


def test_department_that_cannot_be_lists_nothing(company):
    assert listed(SuperuserFactory.create(), {"department": "nonsense"}) == []


def test_operator_assigns_people_within_the_department(department, company):
    operator = somebody(department, Role.OPERATORS)
    colleague, stranger = somebody(department, Role.MANAGERS), somebody(None, Role.MANAGERS)

    assert change(operator, company, owner=colleague.pk) == 302
    assert change(operator, company, owner=stranger.pk) == 200

    company.refresh_from_db()
    assert (company.owner, company.modified_by) == (colleague, operator)


def test_nothing_is_given_to_who_was_deactivated(department, owner, company):
    gone = somebody(department, Role.MANAGERS, is_active=False)

    assert change(owner, company, owner=gone.pk) == 200

    company.refresh_from_db()
    assert company.owner == owner


def test_department_of_others_is_refused_in_words(company):
    root, other = SuperuserFactory.create(), DepartmentFactory.create()
    url = reverse("admin:crm_company_change", args=[company.pk])
    form = {
        "full_name": company.full_name,
        "email": company.email,
        "owner": company.owner_id,
        "department": other.pk,
    }

    response = client_of(root).post(url, form)

    text = f"{company.owner} does not belong to this department. Choose one of theirs."
    assert response.context["adminform"].form.errors == {"department": [text]}


def test_request_of_a_script_is_answered_like_any_other(owner, company):
    script = {"X-Requested-With": "XMLHttpRequest"}
    pages = (LIST, reverse("admin:crm_company_change", args=[company.pk]), reverse("admin:index"))
    without_department = somebody(None, Role.MANAGERS)

    answers = [client_of(owner).get(page, headers=script).status_code for page in pages]
    found = client_of(without_department).get(LIST, {"owner": "all"}, headers=script)

    assert answers == [200, 200, 200]
    assert list(found.context["cl"].queryset) == []
