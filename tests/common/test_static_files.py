"""Static files of apps: without samples, found and collected alike."""

import pytest
from django.contrib.staticfiles import finders
from django.test import Client

from common.static_files import AppFilesWithoutSamples, is_left_out

LEFT_OUT = [
    "ckeditor/ckeditor/samples/index.html",
    "ckeditor/ckeditor/samples/old/ajax.html",
    "ckeditor/ckeditor/plugins/exportpdf/tests/exportpdf.js",
    "ckeditor/ckeditor/plugins/codesnippetgeshi/plugin.js",
    "ckeditor/galleriffic/js/jquery.galleriffic.js",
]


@pytest.mark.parametrize("path", LEFT_OUT)
def test_samples_are_not_served(client: Client, path: str) -> None:
    assert is_left_out(path)
    assert finders.find(path) is None
    assert client.get(f"/static/{path}").status_code == 404


def test_samples_are_not_collected() -> None:
    collected = [path for path, _storage in AppFilesWithoutSamples().list([])]

    assert "ckeditor/ckeditor/ckeditor.js" in collected
    assert [path for path in collected if is_left_out(path)] == []


def test_everything_else_is_found() -> None:
    assert finders.find("ckeditor/ckeditor/ckeditor.js")
    assert finders.find("massmail/massmail.css")
