from django.urls import reverse


def test_the_front_door_is_the_admin(client):
    assert client.get("/")["Location"] == reverse("admin:index")
