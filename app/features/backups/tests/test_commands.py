"""The commands, as an operator types them, and the nightly task of a real worker."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import select

from app.extensions import db
from app.kit import outgoing
from app.kit.mail import outbox
from app.kit.mail.email_message import EmailMessage
from tests.queue.support import until


def test_back_up_list_verify_and_restore(original, copy, tmp_path):
    db.session.remove()
    runner = original.test_cli_runner()
    key = runner.invoke(args=["make_backup_key"])
    secret = tmp_path / "key.txt"
    secret.write_text(key.stdout)
    public = re.search(r"BACKUP_RECIPIENTS=(age1\w+)", key.output)[1]
    assert "There is no backup" in runner.invoke(args=["list_backups"]).output

    plain = runner.invoke(args=["backup", "--to", str(tmp_path / "elsewhere")]).output
    assert "The backup is not encrypted." in plain
    original.config["BACKUP_RECIPIENTS"] = [public]
    made = runner.invoke(args=["backup"])
    assert made.exit_code == 0, made.output
    name = re.search(r"Made (\S+) \(", made.output)[1]
    assert "3 files (16 bytes)." in made.output
    assert "not encrypted" not in made.output
    assert name in runner.invoke(args=["list_backups"]).output

    identity = ["--identity", str(secret)]
    verified = runner.invoke(args=["verify_backup", name, *identity])
    assert f"{name} is whole: " in verified.output, verified.output
    refused = runner.invoke(args=["verify_backup", "latest"])
    assert (refused.exit_code, "Name its key" in refused.output) == (1, True)
    unknown = runner.invoke(args=["verify_backup", "other", *identity])
    assert "There is no backup other." in unknown.output

    refused = runner.invoke(args=["restore", "latest", *identity])
    assert refused.exit_code == 1
    assert "The database is not empty" in refused.output
    assert "The database is as it was." in refused.output
    asked = runner.invoke(args=["restore", "latest", "--replace", *identity], input="n\n")
    assert asked.exit_code == 1
    assert "Replace everything in" in asked.output

    copy.config["SECRET_KEY"] = "another key"
    with copy.app_context():
        restored = copy.test_cli_runner().invoke(args=["restore", "latest", *identity])
    assert restored.exit_code == 0, restored.output
    assert "counted and compared." in restored.output
    assert "Files: 3 stored, 0 were there already." in restored.output
    assert "SECRET_KEY is not that of the backup." in restored.output
    assert "python manage.py mail release" in restored.output


@pytest.fixture
def states():
    def find():
        db.session.rollback()
        found = list(db.session.scalars(select(EmailMessage.state).order_by(EmailMessage.id)))
        db.session.rollback()  # A transaction that stays open would keep the restore waiting.
        return found

    return find


def test_a_restored_copy_sends_no_mail_until_it_is_released(
    web, make_mails, run, smtp, states, tmp_path
):
    """The original sent it after the backup, so it would go out twice."""
    own = {"BACKUP_TO": str(tmp_path / "backups"), "INSTANCE_PATH": str(tmp_path / "instance")}

    def ran(*words):
        command = run(*words, **own)
        assert command.wait() == 0, command.output
        return command.output

    outbox.commit_and_notify(*make_mails(2))
    ran("backup")
    ran("run_worker", "--no-redis", "--burst")
    assert (states(), len(smtp.mails)) == (["sent", "sent"], 2)

    ran("restore", "latest", "--replace", "--yes")
    assert states() == ["pending", "pending"]
    ran("run_worker", "--no-redis", "--burst")
    assert (states(), len(smtp.mails)) == (["pending", "pending"], 2)
    assert outgoing.current_hold() is not None
    db.session.rollback()

    ran("mail", "release", "--cancel-older", "--yes")
    outbox.commit_and_notify(*make_mails(1))
    ran("run_worker", "--no-redis", "--burst")
    assert (states(), len(smtp.mails)) == (["cancelled", "cancelled", "sent"], 3)


def test_a_worker_makes_the_nightly_backup(web, start_worker, tmp_path):
    folder = tmp_path / "backups"
    # A worker that starts makes the backup that was missed.
    worker = start_worker(
        BACKUP_TO=str(folder), BACKUP_AT="0 2 * * *", INSTANCE_PATH=str(tmp_path / "instance")
    )
    worker.wait_for_line("task make_backup done")
    until(lambda: [path.suffix for path in folder.iterdir()] == [".backup"], "it is whole")
