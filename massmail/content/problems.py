"""What can be wrong with a message: found when it is saved, or when one mail is built."""

from dataclasses import dataclass

from massmail.errors import MassmailError


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that the author has to change; `line` counts from 1, 0 means the whole field."""

    field: str
    line: int
    text: str


class MessageError(MassmailError):
    """The message cannot be compiled; `problems` says why, in the order of the fields."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(" ".join(problem.text for problem in problems))
        self.problems = problems


class BuildError(MassmailError):
    """This one mail cannot be built from its recipient's data; others of the message can.

    `reason` is the value of the delivery's reason: `local`, `smtputf8` for an address that needs
    that extension, or `content` for a mail that is larger than the server takes.
    """

    def __init__(self, text: str, *, reason: str = "local") -> None:
        super().__init__(text)
        self.reason = reason
