"""Write the snapshots: run `python -m tests.emails.write_snapshots`, and review the diff.

With names of mails, only theirs are written. No test runs this, so a mail cannot change unnoticed.
"""

import sys

from app import create_app
from app.extensions import db
from app.services import roles
from config import BASE_DIR
from tests.emails import samples


def main(*names: str) -> None:
    app = create_app("testing")
    with app.app_context():
        db.create_all()
        roles.insert()
        for name, sender in samples.senders(*samples.make_people()).items():
            if names and name not in names:
                continue
            text = samples.snapshot(samples.show(sender))
            file = samples.file_of(name)
            if not file.exists() or file.read_text(encoding="utf-8") != text:
                file.parent.mkdir(exist_ok=True)
                file.write_text(text, encoding="utf-8")
                sys.stdout.write(f"Wrote {file.relative_to(BASE_DIR)}. Read it and commit it.\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
