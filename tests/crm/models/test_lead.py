import pytest

from tests.factories import LeadFactory

pytestmark = pytest.mark.django_db


def test_variables_have_the_companys_name_as_text():
    lead = LeadFactory.create(first_name="Łukasz", last_name="Nowak", company_name="Żuraw")

    assert lead.get_variables() == {
        "first_name": "Łukasz",
        "first_middle_name": "Łukasz",
        "last_name": "Nowak",
        "full_name": "Łukasz Nowak",
        "title": "",
        "company_name": "Żuraw",
    }


def test_disqualified_lead_is_not_greeted_as_such():
    lead = LeadFactory.create(first_name="Łukasz", last_name="Nowak", disqualified=True)

    assert lead.display_name == "Łukasz Nowak"
    assert lead.get_variables()["full_name"] == "Łukasz Nowak"
