"""Test the pages of jobs with a real worker."""

import pytest

from app.kit import queue
from tests.queue.support import shows, until

PROGRAM = "tests/queue/manage.py"


pytestmark = pytest.mark.usefixtures("example_tasks")


def test_a_failed_job_is_found_read_and_run_again(admin_browser, start_worker, tmp_path):
    file = tmp_path / "done"
    start_worker(program=PROGRAM)
    job_id = queue.enqueue("fail", path=str(file))
    shows(admin_browser, "/admin/jobs?task=fail", job_id)
    # RQ keeps the traceback after it has put the job in the list.
    shows(
        admin_browser,
        f"/admin/jobs/{job_id}",
        *("RuntimeError: as it should", "example_tasks.py", str(file)),
    )

    admin_browser.submit(f"/admin/jobs/{job_id}/retry")
    until(lambda: len(file.read_text().splitlines()) == 2, "it ran again")
    page = shows(admin_browser, "/admin/jobs?task=fail", job_id)
    assert "No worker is running" not in page


def test_a_job_that_runs_shows_its_progress_and_is_cancelled(admin_browser, start_worker, tmp_path):
    start_worker(program=PROGRAM)
    job_id = queue.enqueue("count", path=str(tmp_path / "done"))
    page = shows(admin_browser, f"/admin/jobs/{job_id}", "<progress", "Running", "row ")
    assert "/retry" not in page
    shows(admin_browser, "/admin/jobs?list=started", job_id, "Busy")

    admin_browser.submit(f"/admin/jobs/{job_id}/cancel")
    shows(admin_browser, "/admin/jobs?list=canceled", job_id)
    assert "Nothing has failed" in admin_browser.get("/admin/jobs").text
