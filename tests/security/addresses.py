"""Every address of the site, read from the URLconf."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver, reverse

NAMELESS = "admin's old form of a change page"


@dataclass(frozen=True, slots=True)
class Address:
    """One pattern: its name with namespace, and the names of its arguments."""

    name: str
    route: str
    arguments: tuple[str, ...]

    def url(self, values: dict[str, object]) -> str:
        """Return the path for these arguments."""
        if self.name.endswith(NAMELESS):
            return "/" + self.route.replace("<path:object_id>", str(values["object_id"]))
        if not self.route or self.name.endswith("catch-all"):
            return "/" + self.route.replace("(?P<url>.*)$", "no/such/page")
        return reverse(self.name, kwargs={name: values[name] for name in self.arguments})


def addresses() -> list[Address]:
    """Return all of them, by name."""
    return sorted(_walk(get_resolver(), (), ""), key=lambda address: (address.name, address.route))


def _walk(resolver: URLResolver, spaces: tuple[str, ...], prefix: str) -> Iterator[Address]:
    for pattern in resolver.url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inner = (*spaces, pattern.namespace) if pattern.namespace else spaces
            yield from _walk(pattern, inner, route)
        elif isinstance(pattern, URLPattern):
            name = ":".join((*spaces, pattern.name or _nameless(route)))
            yield Address(name, route, tuple(pattern.pattern.regex.groupindex))


def _nameless(route: str) -> str:
    if not route:
        return "root"
    return "catch-all" if "(?P<url>" in route else f"{route} {NAMELESS}"
