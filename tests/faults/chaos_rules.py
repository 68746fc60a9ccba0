"""What the chaos server does instead of the usual: rules by stage, recipient, turn and chance."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from random import Random
from typing import Any

STAGES = (
    "connect", "tls", "ehlo", "starttls", "auth", "mail", "rcpt", "data", "body", "dot", "rset",
    "quit",
)  # fmt: skip


class Act(Enum):
    """What a rule can do besides replying."""

    ACCEPT = "accept"  # takes the mail (at the dot) without a reply
    HANG = "hang"  # says nothing more; in a body it reads nothing more either
    CLOSE = "close"
    RESET = "reset"  # closes with a TCP RST
    PLAIN = "plain"  # goes on in clear where a TLS handshake would follow


ACCEPT, HANG, CLOSE, RESET, PLAIN = Act


@dataclass(frozen=True, slots=True)
class Delay:
    """Waits so long, by the real clock."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Until:
    """Waits until the condition holds; it is asked again and again in the server's thread."""

    condition: Callable[[], bool]


Action = str | bytes | Act | Delay | Until | Callable[[], object]


@dataclass(slots=True)
class Rule:
    """What to do at a stage.

    It fits all recipients, one, or with "@example.com" those of a domain. Of the times it fits it
    is used every `every`-th time, by chance (`share`), and `times` times at most. `hits` are the
    recipients for whom it was used.
    """

    stage: str
    actions: tuple[Action, ...]
    recipient: str | None = None
    times: int | None = None
    every: int = 1
    share: float = 1.0
    hits: list[str] = field(default_factory=list)
    fitted: int = 0

    def __post_init__(self) -> None:
        """Refuse a stage that does not exist."""
        if self.stage not in STAGES:
            raise ValueError(f"no stage {self.stage!r}")

    def is_used(self, stage: str, recipient: str, chance: Random) -> bool:
        """Tell whether the rule is used now, and count it."""
        if stage != self.stage or not self._is_for(recipient):
            return False
        if self.times is not None and len(self.hits) >= self.times:
            return False
        self.fitted += 1
        if self.fitted % self.every or (self.share < 1 and chance.random() >= self.share):
            return False
        self.hits.append(recipient)
        return True

    def _is_for(self, recipient: str) -> bool:
        wanted = self.recipient
        if wanted is None:
            return True
        return recipient.endswith(wanted) if wanted.startswith("@") else recipient == wanted


def read_rules(path: Path) -> list[Rule]:
    """Return the rules of a JSON file, a list of objects.

    `{"stage": "dot", "do": ["accept", "reset"], "share": 0.05}`: in `do` a text that begins with
    a digit is a reply, another one an act; `{"delay_s": 2}` waits, `{"raw": "…"}` is sent as it is.
    """
    return [_rule(values) for values in json.loads(path.read_text())]


def _rule(values: dict[str, Any]) -> Rule:
    return Rule(actions=tuple(_actions(values.pop("do"))), **values)


def _actions(words: Iterable[str | dict[str, Any]]) -> Iterable[Action]:
    for word in words:
        match word:
            case {"delay_s": seconds}:
                yield Delay(float(seconds))
            case {"raw": text}:
                yield str(text).encode("latin-1")
            case str() if word[:1].isdigit():
                yield word
            case _:
                yield Act(word)
