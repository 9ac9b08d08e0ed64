"""The queues: what waits, runs, has ended and has failed, and what can be done about it."""

import re
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.admin.requests import asked_for, confirm, is_live, page_number, searched
from app.decorators import fresh_sign_in_required, permission_required
from app.models import Permission
from app.queue.inspection import State
from app.services import jobs as jobs_service
from app.services import outbox
from app.services.jobs import Done, JobGone, JobPage, QueueAway
from app.sign_in import me

TASK_NAME = re.compile(r"\w{1,100}")
GONE = "There is no such job any more, or it is no longer in that state. Look at the list again."
AWAY = "Redis does not answer, so this may not be done. Look again when it is back."

# What the lists are called, those first that one comes for.
LISTS = {
    State.FAILED: "Failed",
    State.STARTED: "Running",
    State.QUEUED: "Queued",
    State.SCHEDULED: "Scheduled",
    State.FINISHED: "Finished",
    State.CANCELED: "Cancelled",
}

job_managers_only = permission_required(Permission.MANAGE_JOBS)


@admin.get("/jobs")
@job_managers_only
def jobs() -> ResponseReturnValue:
    """A list of jobs, as the address asks for it; what makes no sense is left out and said."""
    notices: list[str] = []
    state = _state(notices) or State.FAILED
    filters = {"queue": _queue(notices), "task": _task(notices), "search": searched()}
    overview = listing = None
    try:
        overview = jobs_service.overview()
        listing = jobs_service.find(
            state,
            queue_name=filters["queue"],
            task=filters["task"],
            search=filters["search"],
            page=page_number(notices),
        )
    except QueueAway:
        overview = None
    return render_template(
        "admin/jobs.html",
        state=state,
        lists=LISTS,
        filters=filters,
        notices=notices,
        overview=overview,
        listing=listing,
        queues=jobs_service.queue_names(),
        tasks=jobs_service.task_names(),
        mail=outbox.statistics(),
        arguments=jobs_service.summary,
        live=is_live(),
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
    except QueueAway:
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
    deed: Any,
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
        if question := confirm(
            title=title.format(task=name),
            text=f"{text} Its id is {job_id}.",
            button=button,
            back=page,
            trail=[(overview, "Jobs"), (page, name)],
            danger=danger,
        ):
            return question
        deed(job_id, by=me())
    except JobGone:
        if request.method == "GET":
            abort(404)
        flash(GONE, "error")
        return redirect(overview)
    except QueueAway:
        flash(AWAY, "error")
        return redirect(overview)
    flash(done, "success")
    return redirect(overview if is_gone_after else page)


# Many jobs


@admin.route("/jobs/retry-all", methods=["GET", "POST"])
@job_managers_only
def retry_jobs() -> ResponseReturnValue:
    """Queue all failed jobs again, those of a task or a queue if the address names one."""
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
    """Delete the jobs of the list that the address names, which has to name one."""
    state = _state([])
    if state not in jobs_service.DELETABLE:
        abort(404)
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
    """Delete all that waits on the queue that the address names, which has to name one."""
    if not _queue([]):
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
    state: State, deed: Any, *, title: str, text: str, button: str, done: str, danger: bool = True
) -> ResponseReturnValue:
    nonsense: list[str] = []
    queue, task = _queue(nonsense), _task(nonsense)
    if nonsense:  # To all that there are instead it must not be done.
        abort(404)
    back = url_for("admin.jobs", list=state, queue=queue or None, task=task or None)
    try:
        number = jobs_service.count(state, queue, task=task)
        if not number:
            flash("There are none, so there is nothing to do.", "info")
            return redirect(back)
        what = f"{_jobs(number, LISTS[state].lower())}{f' of {task}' if task else ''}"
        if question := confirm(
            title=title.format(what=what, queue=queue),
            text=text.format(what=what[0].upper() + what[1:]),
            button=button,
            back=back,
            trail=[(back, "Jobs")],
            danger=danger,
        ):
            return question
        result: Done = deed(queue, task)
    except QueueAway:
        flash(AWAY, "error")
        return redirect(back)
    verb = "is" if result.count == 1 else "are"
    said = done.format(count=f"{_jobs(result.count)} {verb}")
    if result.is_complete:
        flash(said, "success")
    else:
        flash(f"{said} That took long enough for one go: do it again for the rest.", "warning")
    return redirect(back)


def _jobs(number: int, kind: str = "") -> str:
    words = [f"{number:,}", kind, "job" if number == 1 else "jobs"]
    return " ".join(word for word in words if word)


# What the address asks for


def _state(notices: list[str]) -> State | None:
    given = asked_for(
        "list",
        lambda state: state in set(State),
        notices,
        "“{}” is no list of jobs, so those that failed are shown.",
    )
    return State(given) if given else None


def _queue(notices: list[str]) -> str:
    return asked_for(
        "queue",
        lambda queue: queue in jobs_service.queue_names(),
        notices,
        "There is no queue “{}”, so every queue is shown.",
    )


def _task(notices: list[str]) -> str:
    return asked_for(
        "task",
        lambda task: bool(TASK_NAME.fullmatch(task)),
        notices,
        "“{}” is no task, so every task is shown.",
    )
