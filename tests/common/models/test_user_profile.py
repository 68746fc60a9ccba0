import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from common.models import UserProfile
from common.models.user_profile import validate_time_zone
from tests.factories import UserFactory


@pytest.mark.parametrize("name", ["Europe/Kyiv", "UTC", "America/Argentina/Buenos_Aires"])
def test_a_time_zone_is_accepted(name):
    validate_time_zone(name)


@pytest.mark.parametrize("name", ["Berlin", "europe/berlin", "../etc/passwd", "", "GMT+25"])
def test_what_is_no_time_zone_is_refused(name):
    with pytest.raises(ValidationError) as refused:
        validate_time_zone(name)
    text = f"“{name}” is not a time zone. Write it like Europe/Berlin."
    assert refused.value.messages == [text]


@pytest.mark.django_db
def test_a_blank_profile_is_valid_and_a_wrong_one_is_not():
    profile = UserProfile(user=UserFactory.create())
    profile.full_clean()
    profile.language_code, profile.time_zone = "xx", "Nowhere"
    with pytest.raises(ValidationError) as refused:
        profile.full_clean()
    assert set(refused.value.message_dict) == {"language_code", "time_zone"}


@pytest.mark.django_db
def test_a_user_has_one_profile_that_goes_with_them():
    user = UserFactory.create(username="olga")
    profile = UserProfile.objects.create(user=user)
    assert str(profile) == "olga"
    user.delete()
    assert UserProfile.objects.count() == 0


@pytest.mark.django_db
def test_a_second_profile_is_refused():
    user = UserFactory.create()
    UserProfile.objects.create(user=user)
    with pytest.raises(IntegrityError):
        UserProfile.objects.create(user=user)
