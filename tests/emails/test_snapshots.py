"""Compare every mail with its snapshot. `python -m tests.emails.write_snapshots` writes these."""

import pytest

from app.kit.mail.registry import MESSAGES
from tests.emails import samples


@pytest.fixture
def senders(app):
    return samples.senders(*samples.make_people())


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_mail_says_what_its_snapshot_says(senders, name):
    file = samples.file_of(name)

    assert file.is_file(), "run `python -m tests.emails.write_snapshots` and read what it wrote"
    assert samples.snapshot(samples.show(senders[name])) == file.read_text(encoding="utf-8")


def test_every_snapshot_is_of_a_mail(app):
    assert samples.files() == {samples.file_of(name) for name in MESSAGES}
