"""Where a run's work with the database is done."""

import threading
from functools import partial

import pytest
from django.db import connection

from massmail.services.ledger_thread import InThisThread, LedgerThread, jobs_of_a_run


def own_connection() -> object:
    connection.ensure_connection()
    return connection.connection


def test_thread_does_jobs_in_their_order_beside_the_caller():
    jobs = LedgerThread()
    done: list[int] = []

    asked = [jobs.submit(partial(done.append, number)) for number in range(20)]
    where = jobs.submit(threading.current_thread)
    jobs.close()

    assert [future.result() for future in asked] == [None] * 20
    assert done == list(range(20))
    assert where.result() is not threading.current_thread()
    assert not where.result().is_alive()


def test_fault_of_a_job_comes_with_its_result():
    for jobs in (LedgerThread(), InThisThread()):
        asked = jobs.submit(lambda: 1 // 0)
        jobs.close()
        with pytest.raises(ZeroDivisionError):
            asked.result()


@pytest.mark.django_db
def test_within_a_transaction_jobs_are_done_where_it_is():
    jobs = jobs_of_a_run()

    assert jobs.submit(threading.current_thread).result() is threading.current_thread()


@pytest.mark.django_db(transaction=True)
def test_thread_has_a_connection_of_its_own_and_closes_it():
    jobs = jobs_of_a_run()

    theirs = jobs.submit(own_connection).result()
    jobs.close()

    assert theirs is not own_connection()
