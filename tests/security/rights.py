"""Who may do what, written down once more and apart from the code that grants it.

`RIGHTS[role][model]` says for view, change and delete how far a role reaches, and whether it may
add. What is not named is refused.
"""

import enum
from dataclasses import dataclass


class Reach(enum.IntEnum):
    """How far a right goes; each contains those before it."""

    NOTHING = 0
    OWN = 1
    DEPARTMENT = 2
    ALL = 3


class Relation(enum.IntEnum):
    """Whose an object is; the number is the reach that it takes."""

    OWN = 1
    DEPARTMENT = 2
    FOREIGN = 3


@dataclass(frozen=True, slots=True)
class Rights:
    view: Reach = Reach.NOTHING
    change: Reach = Reach.NOTHING
    delete: Reach = Reach.NOTHING
    add: Reach = Reach.NOTHING

    def of(self, action: str) -> Reach:
        """Return how far an action reaches; whoever may change may look."""
        if action == "view":
            return max(self.view, self.change)
        return Reach(getattr(self, action))


NOTHING, OWN, DEPARTMENT, ALL = Reach

EVERYTHING = Rights(ALL, ALL, ALL, ALL)
READ = Rights(view=ALL)
MINE = Rights(DEPARTMENT, OWN, OWN, ALL)
TEAM = Rights(DEPARTMENT, DEPARTMENT, DEPARTMENT, ALL)
LOOKUP = Rights(view=ALL)
TENDED = Rights(ALL, ALL, ALL, ALL)  # a lookup that its users tend themselves

LOOKUPS = dict.fromkeys(("country", "clienttype", "industry", "leadsource"), LOOKUP)
OPERATORS = {"company": TEAM, "contact": TEAM, "lead": TEAM, "city": TENDED, "tag": LOOKUP}

RIGHTS: dict[str, dict[str, Rights]] = {
    "superuser": {},  # everything, see `rights_of`
    "managers": {
        **LOOKUPS,
        **dict.fromkeys(("company", "contact", "lead", "emlmessage", "signature"), MINE),
        **dict.fromkeys(("mailingout", "picture"), MINE),
        "emailaccount": Rights(view=DEPARTMENT, change=OWN, add=ALL),
        "city": TENDED,
        "tag": TENDED,
    },
    "operators": {**LOOKUPS, **OPERATORS},
    "superoperators": {**LOOKUPS, **OPERATORS},
    "chiefs": {
        **LOOKUPS,
        **dict.fromkeys(("company", "contact", "lead", "emlmessage", "mailingout"), READ),
        **dict.fromkeys(("city", "tag"), LOOKUP),
    },
    "accountants": {},
    "task_operators": {},
    "department heads": {},
    "co-workers": {},
}


def rights_of(role: str, model: str) -> Rights:
    """Return the rights of a role on objects of a model."""
    if role == "superuser":
        return EVERYTHING
    return RIGHTS[role].get(model, Rights())
