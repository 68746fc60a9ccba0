"""An account's rate within a run: one mail at a time, so and so many a second."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class TokenBucket:
    """Says when the next mail may begin, by this process's clock. Without a rate: at once."""

    clock: Callable[[], float]
    per_second: float | None = None
    _next_mail_s: float = 0.0

    def wait_s(self) -> float:
        """Return how long the next mail has to wait, in seconds."""
        return max(0.0, self._next_mail_s - self.clock()) if self.per_second else 0.0

    def take(self) -> None:
        """Count one mail that begins now."""
        if self.per_second:
            self._next_mail_s = max(self._next_mail_s, self.clock()) + 1 / self.per_second
