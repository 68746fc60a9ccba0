"""What the people and companies of the demo are called: computed from their number, in memory."""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, NamedTuple, TypeVar

Choice = TypeVar("Choice")

TOP_DOMAINS = ("example.com", "example.org", "example.net")


class Name(NamedTuple):
    """A name, and how it is written in an address."""

    text: str
    latin: str


@dataclass(frozen=True, slots=True)
class Culture:
    """The names of one country."""

    country: str
    cities: tuple[str, ...]
    women: tuple[Name, ...]
    men: tuple[Name, ...]
    families: tuple[Name, ...]
    companies: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class CompanyName:
    """A company and where it is; `host` is the domain of its addresses."""

    text: str
    host: str
    culture: Culture
    city: str


@dataclass(frozen=True, slots=True)
class PersonName:
    """A person at a company; `local_part` is no other's there."""

    first: str
    middle: str
    last: str
    sex: str
    title: str
    local_part: str


def company_name(number: int, mark: str = "") -> CompanyName:
    """Return the company with this number; a mark makes its name and its host others."""
    rest, culture = _pick(number, cultures())
    rest, stem = _pick(rest, culture.companies)
    rest, city = _pick(rest, culture.cities)
    words = [stem.text, city, str(rest + 1) if rest else "", f"({mark})" if mark else ""]
    site = number // (len(cultures()) * len(culture.companies))
    label = f"{stem.latin}{site + 1}" if site else stem.latin
    top = TOP_DOMAINS[number % len(TOP_DOMAINS)]
    host = f"{label}.{mark}.{top}" if mark else f"{label}.{top}"
    return CompanyName(" ".join(filter(None, words)), host, culture, city)


def person_name(culture: Culture, company: int, number: int) -> PersonName:
    """Return the person with this number at the company with that number."""
    firsts = culture.women + culture.men
    again, combination = divmod(number, len(firsts) * len(culture.families))
    # Steps of 7 through all pairs of names, beginning elsewhere at each company: all differ.
    start = company * 11 + combination * 7
    rest, first = _pick(start, firsts)
    _rest, last = _pick(rest, culture.families)
    alike = culture.women if first in culture.women else culture.men
    middle = alike[alike.index(first) - 1].text if number % 5 == 4 else ""
    return PersonName(
        first=first.text,
        middle=middle,
        last=last.text,
        sex="F" if alike is culture.women else "M",
        title=_pick(company + number, titles())[1],
        local_part=f"{first.latin}.{last.latin}{again + 1 if again else ''}",
    )


@cache
def cultures() -> tuple[Culture, ...]:
    """Return all cultures of the data file."""
    return tuple(_culture(values) for values in _data()["cultures"])


@cache
def titles() -> tuple[str, ...]:
    """Return the positions that people have."""
    return tuple(_data()["titles"])


def _culture(values: dict[str, Any]) -> Culture:  # Any: texts and lists, as in the file
    return Culture(
        country=values["country"],
        cities=tuple(values["cities"]),
        women=_names(values["women"]),
        men=_names(values["men"]),
        families=_names(values["families"]),
        companies=_names(values["companies"]),
    )


def _names(texts: list[str]) -> tuple[Name, ...]:
    return tuple(Name(*text.rsplit("/", 1)) for text in texts)


def _pick(number: int, choices: tuple[Choice, ...]) -> tuple[int, Choice]:
    """Return one of the choices, and the number for what is picked next."""
    rest, index = divmod(number, len(choices))
    return rest, choices[index]


@cache
def _data() -> dict[str, Any]:  # Any: as mixed as the file
    return tomllib.loads((resources.files("crm.demo") / "files" / "people.toml").read_text("utf-8"))
