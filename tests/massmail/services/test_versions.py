import pytest
from django.core.files.base import ContentFile

from common.models import TheFile
from massmail.models import MessageVersion, VersionFile
from massmail.services import versions
from massmail.utils.email_creators import Attachment, MessageError
from tests.factories import EmlMessageFactory, PictureFactory, SignatureFactory, red_square

pytestmark = pytest.mark.django_db


@pytest.fixture
def message():
    """A message with everything that a message can have."""
    logo = PictureFactory.create()
    message = EmlMessageFactory.create(
        owner=logo.owner,
        subject="News",
        preheader="In short",
        content=f"<p>Dear {{{{ full_name }}}}</p><img alt='' src=\"{logo.tag}\">",
        styles="p { color: red }",
        signature=SignatureFactory.create(content="Olga", type="Plain text"),
        prev_corr="<p>Earlier</p>",
    )
    TheFile.objects.create(content_object=message, file=ContentFile(b"\0a", name="b.pdf"))
    TheFile.objects.create(content_object=message, file=ContentFile(b"b", name="a.unknown"))
    return message


def test_what_is_frozen_is_all_that_the_message_is_made_of(message):
    source = versions.source_of(message)
    version = versions.freeze(message)
    assert versions.frozen_source(version) == source
    assert [file.role for file in version.files.all()] == ["image", "attachment", "attachment"]
    assert (source.signature, source.signature_is_html) == ("Olga", False)
    assert source.attachments == (
        Attachment("b.pdf", "application/pdf", b"\0a"),
        Attachment("a.unknown", "application/octet-stream", b"b"),
    )
    assert list(source.images.values()) == [red_square()]


def test_freezing_again_makes_no_row(message):
    assert versions.freeze(message) == versions.freeze(message)
    assert MessageVersion.objects.count() == 1
    assert VersionFile.objects.count() == 3


@pytest.mark.parametrize("field", ["subject", "preheader", "content", "styles", "prev_corr"])
def test_any_other_text_is_another_version(message, field):
    first = versions.freeze(message)
    setattr(message, field, getattr(message, field) + " ")
    assert versions.freeze(message) != first


def test_another_signature_or_type_of_it_is_another_version(message):
    found = {versions.freeze(message).pk}
    message.signature.type = "HTML"
    found.add(versions.freeze(message).pk)
    message.signature.content = "Olga!"
    found.add(versions.freeze(message).pk)
    message.signature = None
    found.add(versions.freeze(message).pk)
    assert len(found) == 4


def test_another_file_name_or_order_is_another_version(message):
    first = versions.freeze(message)
    row = message.files.first()
    row.delete()
    second = versions.freeze(message)
    TheFile.objects.create(content_object=message, file=ContentFile(b"\0a", name="b.pdf"))
    assert len({first, second, versions.freeze(message)}) == 3


def test_texts_of_neighbours_do_not_run_together(message):
    message.styles, message.prev_corr = "a", "b"
    first = versions.freeze(message)
    message.styles, message.prev_corr = "", "ab"
    assert versions.freeze(message) != first


def test_what_does_not_compile_is_not_frozen(message):
    message.content = "{% if full_name %}"
    with pytest.raises(MessageError):
        versions.freeze(message)
    assert MessageVersion.objects.count() == 0


def test_problems_have_field_and_line(message):
    message.content = "<p>\n{{ nickname }}\n<img src=\"{% cid_media 'pics/none.png' %}\"></p>"
    found = [(p.field, p.line, p.text) for p in versions.problems_of(message)]
    assert found == [
        ("content", 2, "There is no variable “nickname”."),
        ("content", 3, "The picture “pics/none.png” is missing."),
    ]


def test_a_message_not_yet_saved_can_be_checked():
    message = EmlMessageFactory.build(owner=None)
    assert versions.problems_of(message) == []


def test_a_version_is_compiled_once_a_process(message, django_assert_num_queries):
    version = versions.freeze(message)
    first = versions.compiled(version.pk)
    with django_assert_num_queries(0):
        assert versions.compiled(version.pk) is first
    assert "full_name" in first.variables
