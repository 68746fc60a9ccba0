import pytest

from crm.demo.mailbox_file import WHOLE_MAILS, MailboxReader, MailboxWriter


def mail(message_id="<1@example.org>", text="Hello"):
    return f"From: a@example.org\r\nMessage-ID: {message_id}\r\n\r\n{text}\r\n".encode()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "mailbox.sqlite3"


@pytest.fixture
def writer(path):
    writer = MailboxWriter(path)
    yield writer
    writer.close()


@pytest.fixture
def reader(path):
    return MailboxReader(path)


def test_missing_file_holds_nothing(reader):
    assert reader.count() == 0
    assert reader.newest() == []
    assert reader.content(1) is None


def test_mail_can_be_read_while_the_writer_is_open(writer, reader):
    data = mail()

    number = writer.record("a@example.org", "b@example.com", data)

    (caught,) = reader.newest()
    assert (caught.number, caught.sender, caught.recipient) == (
        number,
        "a@example.org",
        "b@example.com",
    )
    assert (caught.message_id, caught.size_bytes) == ("<1@example.org>", len(data))
    assert caught.beginning == data
    assert reader.content(number) == data


@pytest.mark.parametrize(
    ("head", "message_id"),
    [
        ("Message-Id: <a@b>", "<a@b>"),
        ("MESSAGE-ID:\r\n <folded@b>", "<folded@b>"),
        ("X-Message-ID: <no@b>", ""),
        ("Subject: none", ""),
    ],
)
def test_message_id_is_that_of_the_header(writer, reader, head, message_id):
    writer.record("", "b@example.com", f"{head}\r\n\r\nMessage-ID: <body@b>\r\n".encode())

    assert reader.newest()[0].message_id == message_id


def test_newest_come_first_in_pages(writer, reader):
    for number in range(5):
        writer.record("", f"{number}@example.com", mail())

    recipients = [caught.recipient for caught in reader.newest(offset=1, limit=2)]

    assert recipients == ["3@example.com", "2@example.com"]


@pytest.mark.parametrize(
    ("search", "found"),
    [("ZOE", 1), ("example.com", 3), ("<2@", 1), ("%", 1), ("_", 1), ("!", 0), ("", 3)],
)
def test_search_looks_into_address_and_message_id(writer, reader, search, found):
    writer.record("", "zoe@example.com", mail("<1@example.org>"))
    writer.record("", "100%@example.com", mail("<2@example.org>"))
    writer.record("", "a_b@example.com", mail("<3@example.org>"))

    assert reader.count(search) == found
    assert len(reader.newest(search=search)) == found


def test_only_the_last_mails_are_kept_whole(writer, reader):
    for number in range(WHOLE_MAILS + 2):
        writer.record("", f"{number}@example.com", mail())

    assert reader.count() == WHOLE_MAILS + 2
    assert [reader.content(number) is None for number in (1, 2, 3)] == [True, True, False]
    assert reader.newest(offset=WHOLE_MAILS)[0].beginning is None


def test_numbers_go_on_when_the_file_is_opened_again(path, reader):
    for _ in range(2):
        writer = MailboxWriter(path)
        writer.record("", "b@example.com", mail())
        writer.close()

    assert [caught.number for caught in reader.newest()] == [2, 1]
