"""Admin views that retry or delete many jobs: a list, the jobs of a task, or a whole queue."""

from typing import Any

from flask import abort, flash, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.decorators import fresh_sign_in_required, permission_required
from app.features.jobs import jobs as jobs_service
from app.features.jobs import tables
from app.features.jobs.jobs import AWAY, DELETABLE, Done, JobQueueAway
from app.features.jobs.tables import LISTS
from app.kit.queue.job_reader import State
from app.kit.web import table_pages
from app.kit.web.forms.confirmation import ask_to_confirm
from app.models import Permission
from app.sign_in import me

job_managers_only = permission_required(Permission.MANAGE_JOBS)


@admin.route("/jobs/retry-all", methods=["GET", "POST"])
@job_managers_only
def retry_jobs() -> ResponseReturnValue:
    """Queue all failed jobs again, or those of the task or queue in the query string."""
    return _change_many(
        State.FAILED,
        lambda queue, task: jobs_service.retry_all(queue, task=task, by=me()),
        title="Run {what} again?",
        text="They go to the end of their queue, the oldest first.",
        button="Run all again",
        done="{count} queued again.",
        danger=False,
    )


@admin.route("/jobs/delete-all", methods=["GET", "POST"])
@job_managers_only
@fresh_sign_in_required
def delete_jobs() -> ResponseReturnValue:
    """Delete the jobs of the list in the query string. The list is required."""
    state = next((one for one in DELETABLE if one == request.args.get("list")), None) or abort(404)
    return _change_many(
        state,
        lambda queue, task: jobs_service.delete_all(state, queue, task=task, by=me()),
        title="Delete {what}?",
        text="They go with their arguments, results and tracebacks. This cannot be undone.",
        button="Delete all",
        done="{count} deleted.",
    )


@admin.route("/jobs/empty-queue", methods=["GET", "POST"])
@job_managers_only
@fresh_sign_in_required
def empty_queue() -> ResponseReturnValue:
    """Delete all waiting jobs of the queue in the query string. The queue is required."""
    if not request.args.get("queue"):
        abort(404)
    return _change_many(
        State.QUEUED,
        lambda queue, task: jobs_service.delete_all(State.QUEUED, queue, task=task, by=me()),
        title="Empty the queue {queue}?",
        text="{what} will not run. Mail is not lost by this: it is in the outbox, and sent from "
        "there within a minute or so.",
        button="Empty the queue",
        done="{count} deleted.",
    )


def _change_many(
    state: State, action: Any, *, title: str, text: str, button: str, done: str, danger: bool = True
) -> ResponseReturnValue:
    asked = table_pages.read(tables.jobs)
    if asked.notices:  # Ignoring an invalid filter would hit all jobs.
        abort(404)
    queue, task = asked.values.get("queue", ""), asked.values.get("task", "")
    back = url_for("admin.jobs", list=state, queue=queue or None, task=task or None)
    try:
        number = jobs_service.count(state, queue, task=task)
        if not number:
            flash("No jobs match. Nothing was changed.", "info")
            return redirect(back)
        what = f"{_jobs(number, LISTS[state].lower())}{f' of {task}' if task else ''}"
        if page := ask_to_confirm(
            title=title.format(what=what, queue=queue),
            text=text.format(what=what[0].upper() + what[1:]),
            button=button,
            back=back,
            trail=[(back, "Jobs")],
            danger=danger,
        ):
            return page
        result: Done = action(queue, task)
    except JobQueueAway:
        flash(AWAY, "error")
        return redirect(back)
    verb = "is" if result.count == 1 else "are"
    said = done.format(count=f"{_jobs(result.count)} {verb}")
    if result.is_complete:
        flash(said, "success")
    else:
        flash(
            f"{said} Not all jobs fit in one request. Run the action again for the rest.", "warning"
        )
    return redirect(back)


def _jobs(number: int, kind: str = "") -> str:
    words = [f"{number:,}", kind, "job" if number == 1 else "jobs"]
    return " ".join(word for word in words if word)
