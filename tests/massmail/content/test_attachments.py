import pytest

from massmail.content.attachments import (
    EXECUTABLES,
    MAX_BYTES,
    MAX_SUM_BYTES,
    attachment_fault,
    sum_fault,
)


@pytest.mark.parametrize("name", ["Prices (2026).pdf", "a.exe.pdf", "Übersicht.xlsx", "exe", "a"])
def test_ordinary_file_has_no_fault(name: str) -> None:
    assert attachment_fault(name, MAX_BYTES) == ""


@pytest.mark.parametrize("ending", sorted(EXECUTABLES))
def test_program_has_a_fault(ending: str) -> None:
    faults = {attachment_fault(f"invoice.pdf.{each}", 1) for each in (ending, ending.upper())}

    assert all("is a program" in fault for fault in faults)
    assert attachment_fault(f"x.{ending}. ", 1) != ""


@pytest.mark.parametrize("name", ["", "  ", "a/b.pdf", "a\\b.pdf", "a\r\nb.pdf", "x" * 201])
def test_name_that_is_none_has_a_fault(name: str) -> None:
    fault = attachment_fault(name, 1)

    assert fault == f"“{name[:80]}” cannot be the name of an attachment."


def test_file_over_the_limit_has_a_fault() -> None:
    assert attachment_fault("a.pdf", MAX_BYTES + 1) == (
        "“a.pdf” is larger than 10.0\xa0MB. Attach a smaller file, or write a link to it."
    )


def test_sum_over_the_limit_has_a_fault() -> None:
    assert sum_fault(MAX_SUM_BYTES) == ""
    assert sum_fault(MAX_SUM_BYTES + 2**20) == (
        "The attachments have 21.0\xa0MB together; a mail may carry 20.0\xa0MB. Remove some."
    )
