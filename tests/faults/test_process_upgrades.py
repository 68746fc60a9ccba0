"""An upgrade under way: a migration that is killed, old workers beside new ones (F36)."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.faults.servers import wait_until
from tests.faults.workers import IN_DOUBT, Sampler, ServedExperiment
from tests.system.installation import ROOT

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.once]

CHILDREN = 4
MIGRATION = """
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("massmail", "{last}")]
    operations = [
        migrations.AddField(
            "delivery", "later", models.CharField(max_length=9, default="", db_default="")
        ),
        migrations.RunSQL("SELECT pg_sleep(1.5)", migrations.RunSQL.noop),
    ]
"""


def test_f36_killed_migration_and_workers_of_both_versions(experiment, tmp_path):
    fleet = experiment.fleet
    experiment.slow_down(9)
    fleet.beat()
    fleet.worker(children=CHILDREN)
    later = later_migrations(tmp_path)
    with Sampler(fleet) as sampler:
        experiment.wait_for_mails(0.1)
        kill_in_the_middle(experiment, migrate(experiment, later))
        assert not has_column(experiment)
        experiment.wait_for_more(20)
        assert migrate(experiment, later).wait(60) == 0
        assert has_column(experiment)
        experiment.wait_for_more(20)
        fleet.extra |= later
        fleet.worker(children=CHILDREN)
        experiment.wait_for_end()

    states = experiment.require_consistent(sampler.samples)
    assert states["failed"] == states["skipped"] == 0
    assert states["uncertain"] <= IN_DOUBT * CHILDREN
    assert "does not exist" not in fleet.logs()


def later_migrations(folder: Path) -> dict[str, str]:
    """Copy the migrations with one more; return the environment in which they are the product's."""
    package = folder / "later_migrations"
    shutil.copytree(ROOT / "massmail" / "migrations", package)
    last = max(path.stem for path in package.glob("0*.py"))
    (package / "9999_later.py").write_text(MIGRATION.format(last=last))
    return {"FAULTS_MIGRATIONS": package.name, "PYTHONPATH": f"{folder}:{ROOT}"}


def migrate(experiment: ServedExperiment, later: dict[str, str]) -> subprocess.Popen[bytes]:
    fleet = experiment.fleet
    before, fleet.extra = fleet.extra, fleet.extra | later
    process = fleet._start("manage.py", "migrate", "--noinput", "--verbosity", "0")
    fleet.extra = before
    return process


def kill_in_the_middle(experiment: ServedExperiment, migration: subprocess.Popen[bytes]) -> None:
    """Kill the migration when it has changed the table, and wait until the database sees that."""
    sleeping = "SELECT COUNT(*) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'"
    active = f"{sleeping} AND state = 'active'"
    wait_until(lambda: experiment.as_superuser(active) == [(1,)], what="the middle")
    experiment.fleet.kill(migration, group=True)
    wait_until(lambda: experiment.as_superuser(sleeping) == [(0,)], what="the end of it")


def has_column(experiment: ServedExperiment) -> bool:
    sql = (
        "SELECT COUNT(*) FROM information_schema.columns"
        " WHERE table_name = 'massmail_delivery' AND column_name = 'later'"
        " AND table_schema = 'public'"
    )
    return bool(experiment.fleet.ask(sql))
