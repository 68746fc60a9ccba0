"""A database that is set back to an older state, and a copy of it elsewhere (F17, F30)."""

import json
import shutil
import time
from dataclasses import replace
from pathlib import Path
from signal import SIGTERM

import pytest

from tests.faults.laboratory import IS_LONG
from tests.faults.oracle import LedgerRow, read_rows, require_consistent
from tests.faults.servers import Postgresql, wait_until
from tests.faults.workers import Fleet

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.once]

SEND = ("manage.py", "sendmassmail", "--until-idle")


@pytest.mark.skipif(
    not IS_LONG,
    reason="on a busy machine a cluster set back under its workers does not keep to quick times;"
    " what notices it is tested in tests/massmail/services/test_installation.py",
)
@pytest.mark.parametrize("fails_over", [False, True], ids=["backup", "replica"])
def test_f17_an_older_state_of_the_database(experiment, tmp_path, fails_over):
    fleet, older = experiment.fleet, tmp_path / "older"
    experiment.slow_down(5)
    fleet.beat()
    fleet.worker(children=5)
    experiment.wait_for_mails(0.2)
    experiment.postgresql.stop()
    experiment.postgresql.copy_data(older)
    experiment.postgresql.start()
    attempts = fleet.ask("SELECT SUM(attempts_count) FROM massmail_mailingout")
    experiment.wait_for_mails(0.6)
    wait_until(lambda: seen(fleet) > attempts, what="a tick that sees how far the ledger is")
    experiment.postgresql.kill()
    set_back(experiment.postgresql, older, fails_over=fails_over)

    wait_until(lambda: is_paused(fleet), what="the pause")
    paused_at = time.time()
    fleet.manage("massmail_resume")
    experiment.wait_for_end()

    rows = with_message_ids(fleet)
    require_consistent(rows, experiment.server.accepted)
    assert experiment.taken_after(paused_at) == []
    states = experiment.states()
    assert states["uncertain"] >= experiment.people // 2
    assert states["sent"] + states["uncertain"] == experiment.people


def set_back(cluster: Postgresql, older: Path, *, fails_over: bool) -> None:
    """Put older files in the place of the cluster's. As a replica that takes over they begin a
    timeline of their own.
    """
    shutil.rmtree(cluster.data)
    shutil.move(older, cluster.data)
    if fails_over:
        (cluster.data / "recovery.signal").touch()
        with (cluster.data / "postgresql.auto.conf").open("a") as settings:
            settings.write("restore_command = 'false'\n")
    cluster.start()


def seen(fleet: Fleet) -> int:
    """Return how many attempts the last tick saw, as it is kept beside the database."""
    file = fleet.folder / "var" / "ledger_seen.json"
    return int(json.loads(file.read_text())["attempts"]) if file.exists() else 0


def is_paused(fleet: Fleet) -> bool:
    return bool(fleet.ask("SELECT COUNT(paused_at) FROM massmail_massmailsettings"))


def with_message_ids(fleet: Fleet) -> list[LedgerRow]:
    """Return the rows, also those that forgot what they were sent as with their Message-IDs."""
    sql = (
        "SELECT d.id, d.uuid, a.from_email FROM massmail_delivery d"
        " JOIN massmail_emailaccount a ON a.id = d.email_account_id"
    )
    known = {
        pk: f"<{uuid}@{sender.rpartition('@')[2].rstrip('>')}>"
        for pk, uuid, sender in fleet.query(sql)
    }
    return [replace(row, message_id=known[row.delivery_id]) for row in read_rows(fleet.query)]


@pytest.fixture
def two_hosts(experiment, server_room, tmp_path):
    """A host stopped in the middle of its campaign, and another one with a copy of its data."""
    experiment.slow_down(4)
    sender = experiment.fleet._start(*SEND)
    experiment.wait_for_mails(0.3)
    experiment.fleet.kill(sender, SIGTERM)
    assert sender.wait(60) == 0
    name = experiment.fleet.database_url.rpartition("/")[2]
    server_room._copy(name, f"{name}_elsewhere")
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    url = experiment.postgresql.url_of(f"{name}_elsewhere")
    yield experiment, Fleet(folder, url, "", key=experiment.fleet.key)
    server_room._drop(f"{name}_elsewhere")


def test_f30_a_copy_on_a_second_host_while_the_first_one_goes_on(two_hosts):
    first, elsewhere = two_hosts
    before = first.taken
    elsewhere.manage(*SEND[1:])
    assert (first.taken, is_paused(elsewhere)) == (before, True)
    original = first.fleet._start(*SEND)
    elsewhere.manage("massmail_resume")
    elsewhere.manage(*SEND[1:])
    assert original.wait(600) == 0

    assert first.require_consistent()["sent"] == first.people
    require_consistent(with_message_ids(elsewhere), first.server.accepted)
    copied = elsewhere.states(first.mailing_out)
    assert copied["sent"] == before
    assert copied["uncertain"] == first.people - before


def test_f30_a_move_by_the_operators_word(two_hosts):
    first, moved = two_hosts
    before = first.taken
    moved.manage(*SEND[1:])
    assert (first.taken, is_paused(moved)) == (before, True)
    moved.manage("massmail_resume", "--nothing-was-sent")
    moved.manage(*SEND[1:])

    require_consistent(with_message_ids(moved), first.server.accepted)
    assert moved.states(first.mailing_out)["sent"] == first.people
