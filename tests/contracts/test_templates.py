"""Rules for every template, including new ones."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import Flask, flash, render_template_string
from flask_wtf import FlaskForm
from jinja2 import TemplateError
from wtforms import FileField, PasswordField, RadioField, SelectField, StringField, SubmitField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired

from app.kit.web import times
from app.kit.web.times import ReaderTimes, due, exact
from tests.support import Browser

APP = Path(__file__).parents[2] / "app"
FOLDERS = [APP / "templates", *sorted(APP.glob("features/*/templates"))]
FILES = {str(path.relative_to(folder)): path for folder in FOLDERS for path in folder.rglob("*.*")}
ALL = sorted(FILES)
PAGES = [name for name in ALL if name.endswith(".html") and not name.startswith("emails/")]
PARTS = ("layouts/", "macros/", "partials/")
LIST = "tables/list.html"  # the page of every declared table
# These extend the layout of the area in which the table stands.
OF_ANY_AREA = {
    *(LIST, "tables/bulk_preview.html", "tables/bulk_operation.html", "tables/import.html"),
    *("tables/import_file.html", "tables/import_columns.html", "admin/confirm.html"),
}

# The only macro that prints HTML without escaping it, and the only place that may call it.
REVIEWED = ("macros/editor_macros.html", "{{ value|sanitised|safe }}")


def source(name: str) -> str:
    return FILES[name].read_text(encoding="utf-8")


def without_comments(name: str) -> str:
    return re.sub(r"\{#.*?#\}", "", source(name), flags=re.DOTALL)


def test_every_template_compiles(app: Flask) -> None:
    wrong = []
    for name in ALL:
        try:
            app.jinja_env.get_template(name)
        except TemplateError as error:
            wrong.append(f"{name}: {error}")
    assert not wrong


def test_every_page_extends_a_layout_and_sets_a_title() -> None:
    wrong = []
    for name in PAGES:
        text = without_comments(name).strip()
        # A list has the layout of its view's blueprint, and the title of its declaration.
        is_list = re.match(rf"""\{{%-? extends (['"]){LIST}\1 -?%\}}""", text)
        if name.startswith(PARTS) or name in OF_ANY_AREA or is_list:
            continue
        if not (
            re.match(r"""\{%-? extends (['"])layouts/\w+\.html\1 -?%\}""", text)
            and re.search(r"\{% block page_title %\}\s*\S+", text)
        ):
            wrong.append(name)
    assert not wrong, f"Extend a layout, and set the block page_title, in {wrong}."


def test_html_is_printed_as_it_is_in_one_place_only() -> None:
    wrong = []
    for name in ALL:
        text = without_comments(name)
        if name == REVIEWED[0]:
            assert text.count(REVIEWED[1]) == 1
            text = text.replace(REVIEWED[1], "")
        if name.endswith(".html") and re.search(r"\|\s*safe\b|autoescape|Markup\(", text):
            wrong.append(name)
    assert not wrong, f"Leave the escaping on in {wrong}."


@pytest.mark.parametrize(
    "pattern",
    [
        r"<script(?![^>]*\bsrc=)",
        r"<style",
        r"""\son[a-z]+\s*=\s*["'{]""",
        r"""\sstyle\s*=\s*["'{]""",
        r"javascript:",
    ],
)
def test_no_page_has_inline_script_style_or_handlers(pattern: str) -> None:
    wrong = [name for name in PAGES if re.search(pattern, without_comments(name))]
    assert not wrong, f"Move it to a file of app/assets in {wrong}: the browser refuses it inline."


def test_pages_tell_times_in_the_zone_of_their_reader() -> None:
    wrong = [name for name in PAGES if re.search(r"strftime|isoformat", without_comments(name))]
    assert not wrong, f"Use a filter of app.kit.web.times (ago, day, due, exact) in {wrong}."


def test_the_first_line_of_a_macro_file_names_its_macros() -> None:
    for name in PAGES:
        if not name.startswith("macros/"):
            continue
        first = source(name).splitlines()[0]
        assert first.startswith("{# "), name
        for macro, arguments in re.findall(r"\{% macro ([a-z]\w*)\((.*?)\) -?%\}", source(name)):
            missing = f"Name {macro} with its arguments in the first line of {name}."
            assert f"{macro}({arguments})" in first, missing


def test_forms_that_change_something_carry_a_token() -> None:
    wrong = [
        name
        for name in PAGES
        for form in re.findall(
            r'<form[^>]*method="post".*?</form>', without_comments(name), re.DOTALL
        )
        if 'name="csrf_token"' not in form
    ]
    assert not wrong, f"Put the hidden field csrf_token into the forms of {wrong}."


def test_the_error_layout_needs_neither_user_nor_session_nor_database() -> None:
    for name in ("layouts/error.html", "errors/error.html"):
        assert not re.search(
            r"current_user|session|get_flashed_messages|csrf_token", without_comments(name)
        )


def test_names_and_messages_are_shown_as_typed(app: Flask) -> None:
    hostile = "<script>alert(1)</script>{{ 7 * 7 }}"
    with app.test_request_context():
        shown = render_template_string(
            "{% from 'macros/page_macros.html' import message, person, status_badge %}"
            "{{ message(text) }}{{ person('/x', text, text, 'X') }}{{ status_badge(text) }}",
            text=hostile,
        )
    assert "<script>" not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}" in shown


class EveryField(FlaskForm):
    name = StringField("Name", [DataRequired("Enter a name.")], description="As on your passport")
    kind = RadioField("Kind", choices=[SelectChoice("a", "First"), SelectChoice("b", "Second")])
    colour = SelectField("Colour", choices=[SelectChoice("r", "Red")])
    secret = PasswordField("Secret", render_kw={"autocomplete": "new-password"})
    picture = FileField("Picture")
    submit = SubmitField("Save changes")


FORM = "{% from 'macros/form_macros.html' import render_form %}{{ render_form(form, **options) }}"


def rendered(app: Flask, **options: object) -> str:
    with app.test_request_context(method="POST", data={"name": "", "kind": "a", "colour": "r"}):
        form = EveryField(meta={"csrf": False})
        form.validate()
        return str(render_template_string(FORM, form=form, options=options))


def test_an_error_is_tied_to_its_field_and_named_at_the_top(app: Flask) -> None:
    page = rendered(app)
    assert '<a href="#name">Enter a name.</a>' in page
    name_input = re.search(r'<input[^>]* id="name"[^>]*>', page)
    assert name_input is not None
    for attribute in (
        'aria-invalid="true"',
        'aria-describedby="name-help name-error"',
        "autofocus",
    ):
        assert attribute in name_input.group()
    assert 'id="name-help"' in page
    assert 'id="name-error"' in page
    assert page.count("autofocus") == 1


def test_choices_are_grouped_and_every_control_has_a_label(app: Flask) -> None:
    page = rendered(app)
    assert re.search(r"<fieldset.*<legend>Kind</legend>.*</fieldset>", page, re.DOTALL)
    ids = re.findall(r'<(?:input|select|textarea)(?![^>]*hidden)[^>]*? id="([^"]+)"', page)
    assert ids
    for control in ids:
        assert f'for="{control}"' in page


def test_a_file_makes_a_form_multipart_unless_an_encoding_is_given(app: Flask) -> None:
    assert 'enctype="multipart/form-data"' in rendered(app)
    given = rendered(app, enctype="text/plain")
    assert 'enctype="text/plain"' in given
    assert "multipart" not in given


def test_a_form_has_the_action_and_the_method_that_are_asked_for(app: Flask) -> None:
    page = rendered(app, method="GET", action="/there?a=1&b=2", extra_classes="wide")
    assert 'method="get" action="/there?a=1&amp;b=2"' in page
    assert 'class="form wide"' in page


@pytest.mark.parametrize(
    "category", ["form-error", "form-check-email", "form-info", "form-success"]
)
def test_a_form_shows_its_messages_escaped(app: Flask, category: str) -> None:
    with app.test_request_context():
        flash("<b>bold</b>", category)
        page = render_template_string(
            FORM,
            form=EveryField(meta={"csrf": False}),
            options={},
        )
    assert "&lt;b&gt;bold&lt;/b&gt;" in page


def test_a_new_password_has_a_meter_and_a_way_to_show_it(app: Flask) -> None:
    page = rendered(app)
    assert 'data-password-check="/account/check-password"' in page
    assert 'autocomplete="new-password"' in page
    assert 'aria-controls="secret"' in page


def test_the_public_pages_are_complete(client: Browser) -> None:
    for path in ("/", "/account/login", "/account/register", "/account/reset-password"):
        page = client.get(path).get_data(as_text=True)
        assert page.startswith("<!doctype html>"), path
        assert re.search(r"<title>[^<·]*\w[^<]* · ", page), path
        assert page.count("<h1") == 1, path
        assert 'class="skip-link" href="#content"' in page, path
        assert 'id="content"' in page, path


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "just now"),
        (59, "just now"),
        (60, "1 minute ago"),
        (7199, "1 hour ago"),
        (7200, "2 hours ago"),
        (86400, "1 day ago"),
        (29 * 86400, "29 days ago"),
        (30 * 86400, "2 Mar 2026"),
        (-60, "1 Apr 2026"),
    ],
)
def test_times_are_shown_by_their_distance(seconds: int, words: str) -> None:
    present = datetime(2026, 4, 1, 12, tzinfo=UTC)
    assert ReaderTimes().distance(present - timedelta(seconds=seconds), present) == words


def test_an_exact_time_has_seconds_and_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime(2026, 7, 1, 22, 30, 5, tzinfo=UTC)
    assert ">1 Jul 2026, 22:30:05 UTC<" in exact(moment)
    berlin = ReaderTimes(ZoneInfo("Europe/Berlin"), "dots")
    monkeypatch.setattr(times, "readers_times", lambda: berlin)
    assert ">2.7.2026, 00:30:05 CEST<" in exact(moment)
    assert "1.7.2026 at 22:30 UTC" in exact(moment)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (7 * 86400 - 5, "in 7 days"),
        (86400 - 5, "in 1 day"),
        (7200 - 5, "in 2 hours"),
        (1800 - 5, "in 30 minutes"),
        (20.4, "in 20 seconds"),
        (-1, "now"),
    ],
)
def test_due_times_are_rounded_to_the_nearest_unit(seconds: float, words: str) -> None:
    moment = datetime.now(UTC) + timedelta(seconds=seconds)
    assert f">{words}<" in due(moment)
