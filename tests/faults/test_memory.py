"""F28: a mailing out that needs more memory than there is."""

import subprocess
import sys
from pathlib import Path

import pytest

from massmail.models import MailingOut
from massmail.services import versions
from massmail.services.tally import WINDOW_MAX
from tests.faults.accept_log import Accepted
from tests.faults.chaos_server import ChaosServer
from tests.faults.laboratory import EXPERIMENT, IS_LONG
from tests.faults.oracle import Sample, read_rows, read_samples, require_consistent
from tests.system.installation import ROOT, Installation

LARGE, SMALL = (50, 20) if IS_LONG else (12, 6)  # people
ATTACHED_BYTES = 20_000_000
MEMORY_MB = 30  # besides what a process has anyway
SEND_AGAIN = """
from massmail.models import Delivery
from massmail.services import bulk_moves
bulk_moves.send_again(Delivery.objects.filter(pk={pk}))
"""


class Killed:
    """An installation on a database of its own, whose sending processes die one after the other."""

    def __init__(self, folder: Path, server: ChaosServer) -> None:
        self.installation = Installation(folder, f"sqlite:///{folder / 'db.sqlite3'}", "")
        self.installation.__enter__()
        seeded = self.installation.seed(people=LARGE, small=SMALL, ports=[server.port])
        self.large, self.small = seeded["mailing_outs"]
        self.samples: list[Sample] = []
        self.installation.query(
            "INSERT INTO massmail_versionfile (version_id, role, name, content_type, data)"
            " SELECT message_version_id, 'attachment', 'report.pdf', 'application/pdf',"
            f" zeroblob({ATTACHED_BYTES}) FROM massmail_mailingout WHERE id = {self.large}"
        )

    def work(self) -> int:
        """Let a process with little memory send; return its exit code, and let its lease end."""
        command = [sys.executable, "-m", "tests.faults.small_worker", str(MEMORY_MB)]
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=self.installation.environment,
            capture_output=True,
            timeout=120,
            check=False,
        )
        self.installation.query(
            "UPDATE massmail_emailaccount SET run_lease_until = '2001-01-01 00:00:00'"
            " WHERE run_id IS NOT NULL"
        )
        self.samples += read_samples(self.installation.query)
        return done.returncode

    def check(self, accepted: list[Accepted]) -> None:
        rows = read_rows(self.installation.query)
        require_consistent(rows, accepted, samples=self.samples)


@pytest.mark.faults
@pytest.mark.embedded
@pytest.mark.slow
def test_f28_a_message_that_kills_its_process_costs_one_window_then_one_row_at_a_time(tmp_path):
    with ChaosServer() as server:
        killed = Killed(tmp_path, server)
        states, deaths = killed.installation.states, 0
        while states(killed.large)["pending"]:
            before = states(killed.large)
            assert killed.work() == -9
            deaths += 1
            taken = before["pending"] - states(killed.large)["pending"]
            assert taken <= WINDOW_MAX if deaths == 1 else taken <= 1
        killed.installation.manage("sendmassmail", "--until-idle")

        assert states(killed.small)["sent"] == SMALL
        assert states(killed.large)["uncertain"] == LARGE
        (row, *_others) = read_rows(killed.installation.query, mailing_outs=[killed.large])
        killed.installation.manage("shell", "-c", SEND_AGAIN.format(pk=row.delivery_id))
        assert killed.work() == -9
        killed.installation.manage("sendmassmail", "--until-idle")
        (row, *_others) = read_rows(killed.installation.query, mailing_outs=[killed.large])
        assert (row.status, row.reason) == ("failed", "poison")
        killed.check(server.accepted)
        assert len(server.accepted) == SMALL


class TestWithoutDeath:
    """The process survives; what it could not do was begin."""

    pytestmark = EXPERIMENT

    @pytest.mark.parametrize("error", [MemoryError(), RuntimeError("a bug")])
    def test_f28_a_message_that_cannot_be_compiled_stops_its_mailing_out_alone(
        self, laboratory, monkeypatch, error
    ):
        server = laboratory.server()
        mailing_out = laboratory.campaign(server, people=30)
        other = laboratory.campaign(owner=mailing_out.owner, people=30)
        usual = versions.compiled

        def compiled(version_id):
            if version_id == mailing_out.message_version_id:
                raise error
            return usual(version_id)

        compiled.cache_clear = usual.cache_clear  # type: ignore[attr-defined]
        monkeypatch.setattr(versions, "compiled", compiled)

        laboratory.settle()

        other.refresh_from_db()
        assert other.sent_count == 30
        states = laboratory.check()
        assert states == {"sent": 30, "pending": 30}
        mailing_out.refresh_from_db()
        assert (mailing_out.status, mailing_out.pause_reason) == (
            MailingOut.Status.PAUSED,
            MailingOut.PauseReason.TROUBLE,
        )
