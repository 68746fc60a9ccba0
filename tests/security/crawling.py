"""Following the links of the site, as one of its users finds the pages."""

import html
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.test import Client

PAGES_A_ROLE = 300  # a crawl's bound
LINK = re.compile(r"""(?:href|src|action|data-url)="([^"#][^"]*)""")
NOT_CRAWLED = ("/static/", "/admin/logout/", "/admin/jsi18n/")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    is_html: bool


def crawl(client: Client, start: str) -> dict[str, Answer]:
    """Follow every link of the site from a page on; return what each page answered."""
    waiting, kinds = [start], set()
    seen: dict[str, Answer] = {}
    while waiting and len(seen) < PAGES_A_ROLE:
        url = waiting.pop(0)
        if _kind(url) in kinds:
            continue
        kinds.add(_kind(url))
        answer = client.get(url)
        is_html = "text/html" in answer.get("Content-Type", "") and not answer.streaming
        seen[url] = Answer(answer.status_code, is_html)
        if answer.status_code == 302:
            waiting.append(_local(answer["Location"], url))
        elif is_html:
            found = LINK.findall(answer.content.decode())
            waiting += [_local(html.unescape(link), url) for link in found]
        waiting = [link for link in waiting if link and not link.startswith(NOT_CRAWLED)]
    return seen


def _kind(url: str) -> str:
    """Return what pages that differ in numbers and values of a query alone have in common."""
    return re.sub(r"=[^&]*", "=", re.sub(r"[0-9a-f-]{36}|\d+", "0", url))


def _local(link: str, page: str) -> str:
    """Return a link of this site as a path, empty for any other."""
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return ""
    path = parts.path if parts.path.startswith("/") else ""
    if not parts.path:
        path = urlsplit(page).path
    elif not path:
        path = urlsplit(page).path.rpartition("/")[0] + "/" + parts.path
    return path + (f"?{parts.query}" if parts.query else "")
