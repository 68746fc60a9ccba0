"""The static files of apps, without the samples and tests that packages bring along.

Samples of an editor are pages that run what they are given. Nobody needs them: nothing serves them.
"""

from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

from django.contrib.staticfiles.finders import AppDirectoriesFinder

LEFT_OUT = frozenset({"samples", "tests", "codesnippetgeshi", "galleriffic"})  # folders


class AppFilesWithoutSamples(AppDirectoriesFinder):
    """Django's finder, for which some folders do not exist."""

    def list(self, ignore_patterns: Any) -> Iterator[Any]:  # Any: Django's untyped pairs
        """Yield what is collected."""
        for path, storage in super().list(ignore_patterns):
            if not is_left_out(path):
                yield path, storage

    def find_in_app(self, app: str, path: str) -> str | None:
        """Return the place of a file, None if it is left out or not there."""
        return None if is_left_out(path) else super().find_in_app(app, path)


def is_left_out(path: str) -> bool:
    """Tell whether a relative path lies in a folder that is not served."""
    return not LEFT_OUT.isdisjoint(PurePath(path).parts)
