from django.conf import settings
from django.http import HttpResponse
from django.urls import reverse

from crm_project.middleware import content_security_policy, pictures_without_cookies


def test_every_page_carries_the_strict_policy(client):
    response = client.get(reverse("admin:login"))
    assert response["Content-Security-Policy"] == settings.CONTENT_SECURITY_POLICY
    assert "unsafe" not in response["Content-Security-Policy"]
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"


def test_a_view_may_set_its_own_policy(rf):
    answer = HttpResponse(headers={"Content-Security-Policy": "sandbox"})
    response = content_security_policy(lambda request: answer)(rf.get("/"))
    assert response["Content-Security-Policy"] == "sandbox"


def test_public_picture_is_answered_without_cookie_and_variety(rf):
    def view(request):
        seen.append(request.COOKIES)
        return HttpResponse(headers={"Vary": "Cookie"})

    seen: list[dict[str, str]] = []

    answers = [
        pictures_without_cookies(view)(rf.get(path, headers={"Cookie": "sessionid=1"}))
        for path in ("/pictures/1.png", "/admin/")
    ]

    assert seen == [{}, {"sessionid": "1"}]
    assert [answer.headers.get("Vary") for answer in answers] == [None, "Cookie"]
