import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils.datastructures import MultiValueDict

from massmail.forms.picture_form import PictureForm, PictureNameForm


def test_file_is_taken_whatever_its_name():
    files: MultiValueDict = MultiValueDict({"upload": [SimpleUploadedFile("a.anything", b"x")]})

    form = PictureForm({}, files)

    assert form.is_valid()


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({}, "Choose a file first."),
        ({"upload": [SimpleUploadedFile("a.png", b"")]}, "The file is empty."),
    ],
)
def test_missing_file_is_asked_for(files, sentence):
    assert PictureForm({}, MultiValueDict(files)).errors == {"upload": [sentence]}


def test_name_has_150_characters_at_most():
    lengths = [PictureNameForm({"name": "x" * length}).is_valid() for length in (0, 1, 150, 151)]

    assert lengths == [False, True, True, False]
