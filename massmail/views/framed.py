"""A mail as a document of its own, shown inside a sandboxed frame, and in no other way.

Its policy lets nothing run and nothing load but pictures; only our own pages may frame it.
"""

import base64
from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from massmail.content.images import image_type
from massmail.utils.email_creators import CompiledMessage, MessageSource, Rendered

POLICY = (
    "default-src 'none'; img-src data: https:; style-src 'unsafe-inline'; sandbox; "
    "frame-ancestors 'self'"
)


def framed_html(
    rendered: Rendered, message: CompiledMessage, source: MessageSource
) -> HttpResponse:
    """Return the HTML of a mail, its own pictures put into it."""
    return _framed(HttpResponse(with_pictures(rendered, message, source)))


def with_pictures(rendered: Rendered, message: CompiledMessage, source: MessageSource) -> str:
    """Return the HTML of a mail, its own pictures put into it: for a sandboxed frame alone."""
    html = rendered.html
    for key, address in message.image_addresses.items():
        html = html.replace(address, _data_url(source.images[key]))
    return html


def framed_text(text: str) -> HttpResponse:
    """Return the text part of a mail, or its headers."""
    return _framed(HttpResponse(text, content_type="text/plain; charset=utf-8"))


def framed_problems(request: HttpRequest, problems: Iterable[str]) -> HttpResponse:
    """Return what keeps a mail from being shown."""
    context = {"problems": list(problems)}
    return _framed(render(request, "massmail/previews/problems.html", context))


def _framed(response: HttpResponse) -> HttpResponse:
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["X-Frame-Options"] = "SAMEORIGIN"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _data_url(data: bytes) -> str:
    return f"data:{image_type(data)};base64,{base64.b64encode(data).decode()}"
