"""Admin views that list jobs, show one job, and retry, cancel or delete it."""

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.decorators import permission_required
from app.features.jobs import (
    admin_many,  # noqa: F401 - its views register themselves
    tables,
)
from app.features.jobs import jobs as jobs_service
from app.features.jobs.jobs import AWAY, JobGone, JobPage, JobQueueAway
from app.features.jobs.tables import LISTS
from app.kit.mail import outbox
from app.kit.web import table_pages
from app.kit.web.forms.confirmation import ask_to_confirm
from app.kit.web.live import is_live
from app.models import Permission
from app.sign_in import me

GONE = "The job is gone, or its state has changed. Reload the list."

job_managers_only = permission_required(Permission.MANAGE_JOBS)


@admin.get("/jobs")
@job_managers_only
def jobs() -> ResponseReturnValue:
    return table_pages.show(
        tables.jobs,
        template="admin/jobs.html",
        overview=tables.overview(),
        mail=outbox.statistics(),
    )


@admin.get("/jobs/<job_id>")
@job_managers_only
def job(job_id: str) -> ResponseReturnValue:
    shown: JobPage | None = None
    away = False
    try:
        shown = jobs_service.get(job_id)
    except JobGone:
        if not is_live():
            abort(404)
    except JobQueueAway:
        away = True
    return render_template(
        "admin/job.html", job_id=job_id, shown=shown, away=away, lists=LISTS, live=is_live()
    )


# One job


@admin.route("/jobs/<job_id>/retry", methods=["GET", "POST"])
@job_managers_only
def retry_job(job_id: str) -> ResponseReturnValue:
    return _change_one(
        job_id,
        jobs_service.retry,
        title="Run {task} again?",
        text="The job goes to the end of its queue and runs as soon as a worker is free.",
        button="Run it again",
        done="The job is queued again.",
        danger=False,
    )


@admin.route("/jobs/<job_id>/cancel", methods=["GET", "POST"])
@job_managers_only
def cancel_job(job_id: str) -> ResponseReturnValue:
    return _change_one(
        job_id,
        jobs_service.cancel,
        title="Cancel {task}?",
        text="If it waits, it does not run. If it runs, it is ended within seconds, and what it "
        "has done by then stays done.",
        button="Cancel the job",
        done="The job is cancelled. One that runs ends within seconds.",
    )


@admin.route("/jobs/<job_id>/delete", methods=["GET", "POST"])
@job_managers_only
def delete_job(job_id: str) -> ResponseReturnValue:
    return _change_one(
        job_id,
        jobs_service.delete,
        title="Delete this job of {task}?",
        text="It goes with its arguments, its result and its traceback, and does not run again.",
        button="Delete the job",
        done="The job is deleted.",
        is_gone_after=True,
    )


def _change_one(
    job_id: str,
    action: Any,
    *,
    title: str,
    text: str,
    button: str,
    done: str,
    danger: bool = True,
    is_gone_after: bool = False,
) -> ResponseReturnValue:
    page, overview = url_for("admin.job", job_id=job_id), url_for("admin.jobs")
    try:
        name = jobs_service.get(job_id).job.name
        if answer := ask_to_confirm(
            title=title.format(task=name),
            text=f"{text} Its id is {job_id}.",
            button=button,
            back=page,
            trail=[(overview, "Jobs"), (page, name)],
            danger=danger,
        ):
            return answer
        action(job_id, by=me())
    except JobGone:
        if request.method == "GET":
            abort(404)
        flash(GONE, "error")
        return redirect(overview)
    except JobQueueAway:
        flash(AWAY, "error")
        return redirect(overview)
    flash(done, "success")
    return redirect(overview if is_gone_after else page)
