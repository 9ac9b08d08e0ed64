"""Test that files which arrive slowly, or take long to read, block no other request."""

import contextvars
import io

import pytest

from app.extensions import db
from app.features.imports.models import PeopleImport
from app.kit.imports import uploads
from tests.factories import make_user
from tests.slow_bodies import SlowBody, send, writer

PEOPLE = "Email,First name\n" + "".join(f"p{n}@example.com,Ada\n" for n in range(500))


def multipart(token):
    fields = (
        f'--B\r\nContent-Disposition: form-data; name="csrf_token"\r\n\r\n{token}\r\n'
        '--B\r\nContent-Disposition: form-data; name="file"; filename="people.csv"\r\n'
        f"Content-Type: text/csv\r\n\r\n{PEOPLE}\r\n--B--\r\n"
    )
    return fields.encode(), "multipart/form-data; boundary=B"


@pytest.mark.parametrize("in_chunks", [False, True], ids=["with a length", "in chunks"])
@pytest.mark.parametrize("role", ["Administrator", "User"])
def test_nobody_waits_for_a_file_that_arrives_slowly(race, racing_app, database, role, in_chunks):
    """F28: the user is authenticated before the body arrives, and no lock is held meanwhile."""
    browser = racing_app.test_client()
    browser.enter(make_user(role=role))
    content, content_type = multipart(browser.csrf_token("/account/manage/change-password"))
    with writer(database) as can_write:
        body = SlowBody(content, can_write)
        response = send(
            browser,
            "/admin/users/import",
            (body, len(content)),
            content_type,
            in_chunks=in_chunks,
        )
    assert response.status_code == (302 if role == "Administrator" else 403), response.text
    assert body.answers
    assert all(body.answers)
    assert (db.session.query(PeopleImport).count() == 1) is (role == "Administrator")


def test_nobody_waits_while_a_file_is_looked_through(race, racing_app, database, monkeypatch):
    """F28: reading fifty megabytes takes longer than a writer waits."""
    browser = racing_app.test_client()
    browser.enter(make_user(role="Administrator"))
    content, content_type = multipart(browser.csrf_token("/account/manage/change-password"))
    answers, describe = [], uploads.describe
    with writer(database) as can_write:

        def describe_slowly(kind, file):
            answers.append(contextvars.Context().run(can_write))
            return describe(kind, file)

        monkeypatch.setattr(uploads, "describe", describe_slowly)
        body = (io.BytesIO(content), len(content))
        response = send(browser, "/admin/users/import", body, content_type)
    assert response.status_code == 302
    assert answers == [True]
