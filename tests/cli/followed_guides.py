"""Use what the recipes add, in the copy of tests/cli/test_new.py, which has followed them."""

import re
from collections.abc import Callable
from importlib import import_module
from typing import Any

from flask import Flask
from flask_login import login_user
from rq import Queue

from app.kit import queue
from app.kit.web import table_pages
from app.models import Permission, User
from config import BASE_DIR
from tests.support import Browser

FEATURE = "projects"


def call_of(guide: str, beginning: str) -> str:
    """Return the call in a sentence of a guide that begins in this way."""
    text = (BASE_DIR / guide).read_text()
    (found,) = re.findall(rf"`({re.escape(beginning)}.*?\))`", text)
    return str(found)


def test_visitors_see_the_page(client: Browser) -> None:
    answer = client.get("/team")
    assert answer.status_code == 200
    assert "<h1>Team</h1>" in answer.text


def test_publishing_needs_the_permission(someone_with: Callable[..., Browser]) -> None:
    publish = Permission["PUBLISH"]
    assert someone_with(Permission.GENERAL).submit("/publish", form_at="/").status_code == 403
    answer = someone_with(Permission.GENERAL | publish).submit("/publish", form_at="/")
    assert (answer.status_code, answer.location) == (302, "/")


def test_the_job_runs_the_task(task_queue: Queue, make_user: Callable[..., User]) -> None:
    make_user(confirmed=False)
    exec(call_of("README.md", 'queue.enqueue("count_users"'), {"queue": queue})  # noqa: S102
    (job,) = task_queue.jobs
    assert queue.TASKS[str(job.func_name)].function(**job.kwargs) == 1


def test_a_list_has_the_part_and_the_menu_of_its_guide(app: Flask, admin: User) -> None:
    table = import_module(f"app.features.{FEATURE}.tables").own_projects
    scope: dict[str, Any] = {"show": table_pages.show, "table": table}
    with app.test_request_context("/account/projects?search=x"):
        login_user(admin)
        page = eval(call_of("docs/tables.md", "show(table, template="), scope)  # noqa: S307
    assert '<p class="quiet">Projects are archived after a year.</p>' in page
    assert '<a class="btn btn-secondary btn-sm" href="/account/projects?search=x&amp;' in page
    assert 'per_page=100">To print</a>' in page
