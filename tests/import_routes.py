"""The routes of a table's import, for the tests of all routes (tests/routes.py)."""

import io
from dataclasses import dataclass

from sqlalchemy import select

from app.extensions import db
from app.kit import imports
from app.kit.database import now
from app.kit.imports import ImportState, kinds
from app.kit.imports.table_models import TableImport
from tests.world import HOSTILE


@dataclass(frozen=True)
class ImportRoutes:
    """The pages of the import into the table at `endpoint`, whose key has the label `key`."""

    endpoint: str
    path: str
    key: str

    @property
    def argument(self):
        return f"{self.endpoint.rpartition('.')[2]}_import_id"

    def check(self, browser, text):
        """Upload a file, take the columns as they are recognised, and return its check."""
        token = browser.csrf_token(f"{self.path}/import")
        file = (io.BytesIO(text.encode()), "rows.csv")
        answer = browser.post(f"{self.path}/import", data={"csrf_token": token, "file": file})
        assert answer.status_code == 302, answer.text
        browser.submit(answer.location, {"has_header": "y", "update_existing": "y"})
        db.session.expire_all()
        return db.session.scalars(select(TableImport).order_by(TableImport.id.desc())).first()

    def checked(self, world, text="Apollo"):
        """Return an import whose lines are checked."""
        kind = kinds.named(self.endpoint)
        file = io.BytesIO(f'"{self.key}"\n"{text}"\n'.encode())
        row = imports.upload(kind, file, name=f"{text}.csv", by=world.admin)
        imports.choose(
            row,
            mapping={kind.key: 0},
            has_header=True,
            mode="create",
            update_existing=True,
            by=world.admin,
        )
        return row

    def access(self, permission):
        names = (
            "", "_sample", "_columns", "_check", "_run", "_go_on", "_cancel", "_delete",
            "_problems", "_results",
        )  # fmt: skip
        return {f"{self.endpoint}_import{name}": permission for name in names}

    def events(self):
        def send(page, form_at="", **state):
            def on_import(world):
                row = self.checked(world)
                for name, value in {"state": ImportState.CHECKED, **state}.items():
                    setattr(row, name, value)
                db.session.commit()
                path = f"{self.path}/import/{row.id}/{page.format(row=row)}"
                return world.send(world.browser, path, form_at=form_at)

            return on_import

        name = f"{self.endpoint}_import"
        held = {"started_at": now()}
        return {
            f"{name}_run": ("table_import.started", send("run?check={row.checks}&keep_good=1")),
            f"{name}_go_on": (
                "table_import.started",
                send("go-on", state=ImportState.CANCELLED, **held),
            ),
            f"{name}_cancel": (
                "table_import.cancelled",
                send("cancel", "/", state=ImportState.RUNNING, **held),
            ),
            f"{name}_delete": ("table_import.deleted", send("delete")),
        }

    def without_event(self):
        return {
            f"{self.endpoint}_import": "a file that nothing is done with yet",
            f"{self.endpoint}_import_columns": "says what the columns are; the run is recorded",
        }

    def without_api(self):
        """Return the forms that programs lack. They send rows one by one."""
        return dict.fromkeys(self.events(), "a file for people; programs send the rows")

    def downloads(self):
        def file(name):
            return (
                "table_import.downloaded",
                lambda world: f"{self.path}/import/{self.checked(world).id}/{name}.csv",
            )

        name = f"{self.endpoint}_import"
        return {f"{name}_problems": file("problems"), f"{name}_results": file("results")}

    def without_users(self):
        return {f"{self.endpoint}_import_sample": "a file that shows how one looks"}

    def owned(self):
        return {self.argument: self.checked}

    def hostile(self):
        text = HOSTILE.replace('"', '""')
        return {self.argument: lambda world: [self.checked(world, text).id]}
