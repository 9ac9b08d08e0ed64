"""Test the pages of jobs with a real worker."""

import pytest

from app.kit import queue
from tests import factories
from tests.queue.support import until

PROGRAM = "tests/queue/manage.py"


pytestmark = pytest.mark.usefixtures("example_tasks")


@pytest.fixture
def browser(web):
    browser = web.test_client()
    browser.enter(factories.make_user(role="Administrator"))
    return browser


def shows(browser, path, *texts):
    return until(
        lambda: (page := browser.get(path).text) and all(t in page for t in texts) and page,
        f"{path} shows {texts}",
    )


def test_a_failed_job_is_found_read_and_run_again(browser, start_worker, tmp_path):
    file = tmp_path / "done"
    start_worker(program=PROGRAM)
    job_id = queue.enqueue("fail", path=str(file))
    shows(browser, "/admin/jobs?task=fail", job_id)
    page = browser.get(f"/admin/jobs/{job_id}").text
    assert "RuntimeError: as it should" in page
    assert "example_tasks.py" in page
    assert str(file) in page

    browser.submit(f"/admin/jobs/{job_id}/retry")
    until(lambda: len(file.read_text().splitlines()) == 2, "it ran again")
    page = shows(browser, "/admin/jobs?task=fail", job_id)
    assert "No worker is running" not in page


def test_a_job_that_runs_shows_its_progress_and_is_cancelled(browser, start_worker, tmp_path):
    start_worker(program=PROGRAM)
    job_id = queue.enqueue("count", path=str(tmp_path / "done"))
    page = shows(browser, f"/admin/jobs/{job_id}", "<progress", "Running", "row ")
    assert "/retry" not in page
    shows(browser, "/admin/jobs?list=started", job_id, "Busy")

    browser.submit(f"/admin/jobs/{job_id}/cancel")
    shows(browser, "/admin/jobs?list=canceled", job_id)
    assert "Nothing has failed" in browser.get("/admin/jobs").text
