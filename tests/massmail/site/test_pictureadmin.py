import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import PictureFactory
from tests.massmail.cast import Cast


@pytest.mark.parametrize(
    ("name", "goal"),
    [
        ("changelist", "show_uploaded_images"),
        ("add", "pic_upload"),
        ("change", "show_uploaded_images"),
    ],
)
def test_admin_leads_to_the_gallery(client: Client, cast: Cast, name: str, goal: str) -> None:
    picture = PictureFactory.create(owner=cast.owner)
    client.force_login(cast.owner)

    args = [picture.pk] if name == "change" else []
    response = client.get(reverse(f"admin:massmail_picture_{name}", args=args))

    assert (response.status_code, response.headers["Location"]) == (302, reverse(goal))


def test_admin_deletes_no_picture(client: Client, cast: Cast) -> None:
    picture = PictureFactory.create(owner=cast.owner)
    client.force_login(cast.superuser)

    response = client.post(reverse("admin:massmail_picture_delete", args=[picture.pk]))

    assert response.status_code == 403


def test_home_shows_the_way(client: Client, cast: Cast) -> None:
    client.force_login(cast.owner)

    assert reverse("admin:massmail_picture_changelist") in client.get(reverse("admin:index")).text
