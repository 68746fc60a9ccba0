"""The watch of a person who waits."""

from massmail.backends.base import Fault, Stage
from massmail.services.short_wait import ShortWatch, as_seen


def test_watch_gives_everything_together_its_limit():
    now_s = [100.0]
    watch = ShortWatch(10, clock=lambda: now_s[0])

    before = (watch.may_begin(), watch.waiting(0, Stage.CONNECT))
    now_s[0] += 10
    after = (watch.may_begin(), watch.waiting(0, Stage.DOT))

    assert (before, after) == ((True, True), (False, False))


def test_who_stopped_waiting_was_made_to_wait():
    assert [as_seen(fault) for fault in (Fault.STOPPED, Fault.DNS)] == [Fault.STALLED, Fault.DNS]
