"""Admin views for importing users from CSV: upload, columns, check, run, and result."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from app.admin import admin
from app.decorators import fresh_sign_in_required, permission_required, takes_files
from app.extensions import db
from app.features import imports
from app.features.imports import (
    FileGone,
    NoEmailColumn,
    TooManyUnfinished,
    Unreadable,
)
from app.features.imports.forms import ColumnsForm, UploadForm
from app.features.imports.models import ImportState, PeopleImport
from app.kit import queue
from app.kit.operations import NotOpen, NotYours, is_short
from app.kit.web.downloads import streamed_csv
from app.kit.web.list_params import confirm, is_live, page_number
from app.models import Permission
from app.sign_in import me

people_managers_only = permission_required(Permission.MANAGE_USERS)

CHANGED = "The import has changed. Reload the page."
GONE = "The file is no longer kept. Upload it again."
NOT_YOURS = "Only {} can do this: the import belongs to the person who checked it."


# Step 1: the file


@admin.route("/users/import", methods=["GET", "POST"])
@people_managers_only
@takes_files("IMPORT_MAX_MEGABYTES")
def import_users() -> ResponseReturnValue:
    form = UploadForm()
    if form.validate_on_submit():
        try:
            row = imports.upload(form.file.data.stream, name=form.file.data.filename, by=me())
        except Unreadable as problem:
            form.file.errors = [str(problem)]
        except TooManyUnfinished:
            form.file.errors = [
                f"There are {imports.MOST_UNFINISHED} imports that you have begun and not "
                "finished. Go on with one of them, or delete it."
            ]
        else:
            return redirect(url_for("admin.import_columns", import_id=row.id))
    return render_template(
        "admin/import_users.html",
        form=form,
        recent=imports.recent(by=me()),
        most_unfinished=imports.MOST_UNFINISHED,
    )


@admin.get("/users/import/sample.csv")
@people_managers_only
def import_sample() -> ResponseReturnValue:
    return streamed_csv("people.csv", lambda: [imports.sample_file()])


# Step 2: the columns


@admin.route("/users/import/<int:import_id>/columns", methods=["GET", "POST"])
@people_managers_only
def import_columns(import_id: int) -> ResponseReturnValue:
    """Map the columns of the file to fields, and start the check."""
    row = _import_or_404(import_id)
    if row.is_open or row.has_begun:
        return _back_to(row)
    form = ColumnsForm(row)
    try:
        if (answer := _columns_chosen(row, form)) is not None:
            return answer
        shown = imports.preview(row)
    except NotOpen:
        flash(CHANGED, "error")
        return _back_to(row)
    except FileGone:
        return _ask_for_file_again()
    return render_template(
        "admin/import_columns.html",
        form=form,
        row=row,
        preview=shown,
        encoding=imports.ENCODINGS[row.encoding],
    )


def _columns_chosen(row: PeopleImport, form: ColumnsForm) -> ResponseReturnValue | None:
    """Handle the submitted form. On errors, attach them to the fields and return None."""
    is_read_again = form.asks_for_another_encoding
    try:
        if is_read_again:
            return _read_again(row, form.encoding.data)
        if form.validate_on_submit():
            imports.choose(
                row,
                mapping=form.mapping,
                has_header=form.has_header.data,
                mode=form.mode.data,
                update_existing=form.update_existing.data,
                role_id=form.role.data,
                by=me(),
            )
            return _back_to(row)
    except NoEmailColumn:
        form.email.errors = [
            "Choose the column with the email addresses, and use each column once."
        ]
    except Unreadable as problem:
        (form.encoding if is_read_again else form.has_header).errors = [str(problem)]
    return None


def _read_again(row: PeopleImport, encoding: str) -> ResponseReturnValue:
    imports.read_as(row, encoding, by=me())
    flash(f"The file is read as {imports.ENCODINGS[encoding]}. Look at it once more.", "success")
    return redirect(url_for("admin.import_columns", import_id=row.id))


# Step 3: the check, the run, and the result


@admin.get("/users/import/<int:import_id>")
@people_managers_only
def show_import(import_id: int) -> ResponseReturnValue:
    row = _import_or_404(import_id)
    if row.state == ImportState.UPLOADED:
        return redirect(url_for("admin.import_columns", import_id=row.id))
    notices: list[str] = []
    return render_template(
        "admin/show_import.html",
        row=row,
        encoding=imports.ENCODINGS[row.encoding],
        listing=imports.problems(row, page_number(notices)),
        notices=notices,
        most_problems=imports.MOST_PROBLEMS,
        has_results=row.has_begun and bool(row.position),
        is_stalled=row.is_stalled,
        is_queue_away=row.is_open and not row.job_id and not is_short(row),
        has_queue=queue.is_configured(),
        is_own=row.actor_id == me().id,
        live=is_live(),
    )


@admin.route("/users/import/<int:import_id>/run", methods=["GET", "POST"])
@people_managers_only
@fresh_sign_in_required
def run_import(import_id: int) -> ResponseReturnValue:
    """Import the checked file. GET asks for confirmation, POST starts the run."""
    row = _import_or_404(import_id)
    check, keep_good = request.args.get("check", ""), "keep_good" in request.args
    try:
        if row.state != ImportState.CHECKED or check != str(row.checks):
            raise NotOpen
        if question := confirm(
            title=f"Import {row.file_name}?",
            text=_what_will_happen(row),
            button=f"Import {_people(row.to_do)}",
            back=url_for("admin.show_import", import_id=row.id),
            trail=_trail(row),
            danger=False,
        ):
            return question
        imports.run(row, check=int(check), keep_good=keep_good, by=me())
    except NotOpen:
        flash(CHANGED, "error")
    return _back_to(row)


def _what_will_happen(row: PeopleImport) -> str:
    words = {
        "invited": "will be invited by mail",
        "created": "will get an account, without mail",
        "updated": "will be updated",
        "unchanged": "will be left as they are",
    }
    sentences = [
        f"{_people(row.counts[end])} {word}." for end, word in words.items() if row.counts.get(end)
    ]
    if row.problems:
        lines = "line with a problem" if row.problems == 1 else "lines with problems"
        sentences.append(f"{row.problems:,} {lines} will be left out.")
    return " ".join(sentences)


def _people(number: int) -> str:
    return f"{number:,} {'person' if number == 1 else 'people'}"


@admin.route("/users/import/<int:import_id>/go-on", methods=["GET", "POST"])
@people_managers_only
@fresh_sign_in_required
def go_on_with_import(import_id: int) -> ResponseReturnValue:
    """Resume an import that stopped or still waits for a worker."""
    row = _import_or_404(import_id)
    try:
        if question := confirm(
            title=f"Go on with {row.file_name}?",
            text=f"{row.position:,} of {row.lines:,} lines are done, and none is done twice.",
            button="Go on",
            back=url_for("admin.show_import", import_id=row.id),
            trail=_trail(row),
            danger=False,
        ):
            return question
        imports.go_on(row, by=me())
    except NotOpen:
        flash(CHANGED, "error")
    except NotYours:
        flash(NOT_YOURS.format(row.actor_label), "error")
    except FileGone:
        return _ask_for_file_again()
    return _back_to(row)


@admin.post("/users/import/<int:import_id>/cancel")
@people_managers_only
def cancel_import(import_id: int) -> ResponseReturnValue:
    row = _import_or_404(import_id)
    try:
        imports.cancel(row, by=me())
    except NotOpen:
        flash(CHANGED, "error")
    else:
        flash("The import stops after the current batch. Finished lines stay imported.", "success")
    return _back_to(row)


@admin.route("/users/import/<int:import_id>/delete", methods=["GET", "POST"])
@people_managers_only
@fresh_sign_in_required
def delete_import(import_id: int) -> ResponseReturnValue:
    row = _import_or_404(import_id)
    try:
        if question := confirm(
            title=f"Delete the import of {row.file_name}?",
            text="The file and the results of its lines are deleted. People who were imported "
            "stay, and so does the audit trail.",
            button="Delete the import",
            back=url_for("admin.show_import", import_id=row.id),
            trail=_trail(row),
            danger=True,
        ):
            return question
        imports.delete(row, by=me())
    except NotOpen:
        flash("The import is running. Stop it first.", "error")
        return _back_to(row)
    except NotYours:
        flash(NOT_YOURS.format(row.actor_label), "error")
        return _back_to(row)
    flash("The import is deleted.", "success")
    return redirect(url_for("admin.import_users"))


# Downloads


@admin.get("/users/import/<int:import_id>/problems.csv")
@people_managers_only
@fresh_sign_in_required
def import_problems(import_id: int) -> ResponseReturnValue:
    row = _import_or_404(import_id)
    return streamed_csv(
        f"import-{row.id}-problems.csv", lambda: imports.problems_file(row, by=me())
    )


@admin.get("/users/import/<int:import_id>/results.csv")
@people_managers_only
@fresh_sign_in_required
def import_results(import_id: int) -> ResponseReturnValue:
    row = _import_or_404(import_id)
    return streamed_csv(f"import-{row.id}-results.csv", lambda: imports.results_file(row, by=me()))


def _import_or_404(import_id: int) -> PeopleImport:
    row = db.get_or_404(PeopleImport, import_id)
    return row if row.is_shown_to(me().id) else abort(404)


def _trail(row: PeopleImport) -> list[tuple[str, str]]:
    return [
        (url_for("admin.registered_users"), "People"),
        (url_for("admin.import_users"), "Import"),
        (url_for("admin.show_import", import_id=row.id), row.file_name),
    ]


def _back_to(row: PeopleImport) -> Any:
    return redirect(url_for("admin.show_import", import_id=row.id))


def _ask_for_file_again() -> Any:
    flash(GONE, "error")
    return redirect(url_for("admin.import_users"))
