import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from massmail.forms.picture_form import PictureForm, PictureNameForm


def test_file_is_taken_whatever_its_name():
    form = PictureForm({}, {"upload": SimpleUploadedFile("a.anything", b"x")})

    assert form.is_valid()


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "Choose a file first."),
        ({"upload": SimpleUploadedFile("a.png", b"")}, "The file is empty."),
    ],
)
def test_missing_file_is_asked_for(files, sentence):
    assert PictureForm({}, files).errors == {"upload": [sentence]}


def test_name_has_150_characters_at_most():
    lengths = [PictureNameForm({"name": "x" * length}).is_valid() for length in (0, 1, 150, 151)]

    assert lengths == [False, True, True, False]
