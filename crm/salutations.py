"""How people and companies are greeted at the head of a mail, in the languages of the site.

These are words of the mail, not of the pages: they follow the recipient, and grammar decides more
than a translated pattern could. A language without an entry is greeted in English.
"""

import re
from dataclasses import dataclass

_ACADEMIC = re.compile(r"((dr|prof|doctor|professor)\b\.?\s*)+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Greetings:
    """The greetings of one language, with {title}, {last_name} and {full_name} to be filled in."""

    man: str
    woman: str
    man_with_title: str
    woman_with_title: str
    anybody: str
    company: str


ENGLISH = Greetings(
    man="Dear Mr {last_name}",
    woman="Dear Ms {last_name}",
    man_with_title="Dear {title} {last_name}",
    woman_with_title="Dear {title} {last_name}",
    anybody="Dear {full_name}",
    company="Dear Sir or Madam",
)
GREETINGS = {
    "en": ENGLISH,
    "de": Greetings(
        man="Sehr geehrter Herr {last_name}",
        woman="Sehr geehrte Frau {last_name}",
        man_with_title="Sehr geehrter Herr {title} {last_name}",
        woman_with_title="Sehr geehrte Frau {title} {last_name}",
        anybody="Guten Tag {full_name}",
        company="Sehr geehrte Damen und Herren",
    ),
    "ar": Greetings(
        man="السيد {full_name} المحترم",
        woman="السيدة {full_name} المحترمة",
        man_with_title="الدكتور {full_name} المحترم",
        woman_with_title="الدكتورة {full_name} المحترمة",
        anybody="مرحبًا {full_name}",
        company="السادة المحترمون",
    ),
}


def of_person(language: str, *, sex: str, title: str, last_name: str, full_name: str) -> str:
    """Return the greeting of a person: formal where sex and last name are known.

    `sex` is a value of `BaseContact.Sex` or blank; a `title` counts if it is an academic one, and
    not a position.
    """
    academic = title.strip() if _ACADEMIC.fullmatch(title.strip()) else ""
    greetings = _in(language)
    pattern = greetings.anybody
    if last_name and sex == "M":
        pattern = greetings.man_with_title if academic else greetings.man
    elif last_name and sex == "F":
        pattern = greetings.woman_with_title if academic else greetings.woman
    filled = pattern.format(title=academic, last_name=last_name, full_name=full_name)
    return " ".join(filled.split())


def of_company(language: str) -> str:
    """Return the greeting of whoever reads a company's mail."""
    return _in(language).company


def _in(language: str) -> Greetings:
    return GREETINGS.get(language.partition("-")[0], ENGLISH)
