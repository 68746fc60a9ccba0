import pytest
from django.core.files.base import ContentFile

from common.models import TheFile
from massmail.content import attachments
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


def test_linked_pictures_have_addresses_and_make_another_version(message):
    embedded = versions.freeze(message)
    linked = versions.freeze(message, links_pictures=True)
    (image, *attached) = linked.files.all()
    source = versions.frozen_source(linked)
    assert (embedded == linked, embedded.links_pictures, linked.links_pictures) == (
        False,
        False,
        True,
    )
    assert source.image_urls == {
        image.name: f"https://mail.example.com/pictures/{image.public_id}.png"
    }
    assert (image.content_type, [file.public_id for file in attached]) == (
        "image/png",
        [None, None],
    )
    assert versions.freeze(message, links_pictures=True) == linked


def test_each_version_has_addresses_of_its_own(message):
    first = versions.freeze(message, links_pictures=True)
    message.subject = "Other news"
    second = versions.freeze(message, links_pictures=True)
    ids = {file.public_id for version in (first, second) for file in version.files.all()}
    assert len(ids - {None}) == 2


def test_linking_without_pictures_is_no_other_version():
    message = EmlMessageFactory.create()
    linked = versions.freeze(message, links_pictures=True)
    assert (linked, linked.links_pictures) == (versions.freeze(message), False)


def test_attachment_whose_file_is_gone_is_a_problem(message):
    row = message.files.first()
    row.file.storage.delete(row.file.name)
    text = "The file “b.pdf” is missing. Attach it again, or remove it."
    assert [(p.field, p.text) for p in versions.problems_of(message)] == [("attachments", text)]
    assert versions.text_problems_of(message) == []
    with pytest.raises(MessageError):
        versions.freeze(message)


def test_attachments_of_an_older_time_are_checked_too(message):
    TheFile.objects.create(content_object=message, file=ContentFile(b"MZ", name="setup.exe"))
    (problem,) = versions.problems_of(message)
    assert problem.text.startswith("“setup.exe” is a program")


def test_attachments_together_have_a_limit(message, monkeypatch):
    monkeypatch.setattr(attachments, "MAX_SUM_BYTES", 2)
    (problem,) = versions.problems_of(message)
    assert problem.text.startswith("The attachments have 3\xa0bytes together")


def test_attachment_is_read_up_to_its_limit(message, monkeypatch):
    monkeypatch.setattr(attachments, "MAX_BYTES", 1)
    assert [len(file.data) for file in versions.source_of(message).attachments] == [2, 1]
    (problem,) = versions.problems_of(message)
    assert problem.text.startswith("“b.pdf” is larger than 1\xa0byte.")
