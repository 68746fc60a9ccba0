import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.models import Contact
from massmail.models import MassContact
from massmail.services.people_reader import PeopleReader, with_subscription
from tests.factories import ContactFactory

pytestmark = pytest.mark.django_db


def test_each_window_has_one_statement_and_reads_what_a_query_reads():
    people = [ContactFactory.create() for _ in range(7)]
    MassContact.objects.create(content_object=people[2], massmail=False)
    ids = [person.pk for person in people]
    reader = PeopleReader(Contact, size=3)

    for wanted in (ids[:3], ids[3:6], ids[6:], [ids[2], 10**9]):
        with CaptureQueriesContext(connection) as captured:
            found = reader.read(wanted)
        assert len(captured) == 1
        expected = with_subscription(Contact).in_bulk(wanted)
        assert found == expected
        for pk, person in found.items():
            assert person.mass_contact_uuid == expected[pk].mass_contact_uuid
            assert person.mass_contact_massmail == expected[pk].mass_contact_massmail
            with CaptureQueriesContext(connection) as captured:
                assert person.company == expected[pk].company
            assert len(captured) == 0
