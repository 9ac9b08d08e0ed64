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
    (found,) = re.findall(rf"`({re.escape(beginning)}.*?\))`", text_of(guide))
    return str(found)


def text_of(guide: str) -> str:
    return (BASE_DIR / guide).read_text()


def test_visitors_see_the_page(client: Browser) -> None:
    answer = client.get("/contact")
    assert answer.status_code == 200
    assert "<h1>Contact</h1>" in answer.text


def test_the_reports_need_an_administrator(someone_with: Callable[..., Browser]) -> None:
    invoices = Permission["MANAGE_INVOICES"]
    assert someone_with(Permission.GENERAL | invoices).get("/reports").status_code == 403
    assert someone_with(Permission.ADMINISTER).get("/reports").status_code == 200


def test_the_job_runs_the_task(task_queue: Queue, make_user: Callable[..., User]) -> None:
    newest = make_user()
    for call in re.findall(r"^queue\.enqueue.*?\)(?=$|  #)", text_of("docs/jobs.md"), re.MULTILINE):
        exec(call, {"queue": queue})  # noqa: S102
    assert [job.kwargs for job in task_queue.jobs][:1] == [{"count": 7}]
    task = queue.TASKS[str(task_queue.jobs[0].func_name)].function
    assert [task(**job.kwargs) for job in task_queue.jobs] == [[newest.id]] * 4


def test_a_list_has_the_part_and_the_menu_of_its_guide(app: Flask, admin: User) -> None:
    table = import_module(f"app.features.{FEATURE}.tables").own_projects
    scope: dict[str, Any] = {"show": table_pages.show, "table": table}
    with app.test_request_context("/account/projects?search=x"):
        login_user(admin)
        page = eval(call_of("docs/tables.md", "show(table, template="), scope)  # noqa: S307
    assert '<p class="quiet">Projects are archived after a year.</p>' in page
    assert '<a class="btn btn-secondary btn-sm" href="/account/projects?search=x&amp;' in page
    assert 'per_page=100">To print</a>' in page
