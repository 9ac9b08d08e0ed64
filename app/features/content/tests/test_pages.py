"""Test the sanitiser; tests/main/test_pages.py tests the pages."""

import pytest
from flask import render_template_string
from sqlalchemy import func, select

from app.extensions import db
from app.features.content import pages
from app.features.content.models import EditableHTML
from app.models import AuditEvent


def test_clean_html_is_not_changed():
    html = '<h2>T</h2><p>a <em>b</em> <a href="/x" rel="noopener noreferrer nofollow">c</a></p>'
    assert pages.sanitise(html) == html
    assert pages.sanitise(pages.sanitise(html)) == html


@pytest.mark.parametrize(
    ("html", "clean"),
    [
        ("<b>x", "<b>x</b>"),
        ("<script>x</script>y", "y"),
        ("<style>x</style>y", "y"),
        ("<div>x</div>", "x"),
        ("<h1>x</h1>", "x"),
        ("<!-- x -->y", "y"),
        ("<p class=a id=b style=c data-d=e>x</p>", "<p>x</p>"),
        ("", ""),
        ("5 < 6", "5 &lt; 6"),
    ],
)
def test_the_rest_is_taken_out(html, clean):
    """XS-1"""
    assert pages.sanitise(html) == clean


@pytest.mark.parametrize("scheme", ["javascript", "data", "vbscript", "file", "blob", "tel", "ftp"])
def test_links_lead_to_pages_and_mailboxes_only(scheme):
    """XS-1"""
    assert "href" not in pages.sanitise(f'<a href="{scheme}:x">y</a>')


def test_a_link_tells_the_page_it_leads_to_nothing():
    clean = pages.sanitise('<a href="https://example.com" rel="opener" target="_blank">x</a>')
    assert 'rel="noopener noreferrer nofollow"' in clean
    assert "target" not in clean


def test_a_piece_is_written_over_and_not_added_again(app):
    pages.save("about", "<p>one</p>", by=None)
    pages.save("about", "<p>two</p>", by=None)
    assert [piece.value for piece in db.session.query(EditableHTML)] == ["<p>two</p>"]


def test_a_piece_that_nobody_wrote_is_empty_and_not_stored(app):
    assert EditableHTML.get_editable_html("nothing").value == ""
    assert db.session.query(EditableHTML).count() == 0


def test_a_page_that_is_saved_unchanged_is_no_event(app, admin):
    pages.save("about", "<p>One</p>", by=admin)
    count = select(func.count(AuditEvent.id)).where(AuditEvent.action == "page.edited")
    assert db.session.scalar(count) == 1
    pages.save("about", "<p>One</p>", by=admin)
    assert db.session.scalar(count) == 1


def test_editable_html_is_cleaned_when_it_is_shown(app):
    class Page:
        editor_name = "x"
        value = '<p onclick="x()">Hello</p><script>alert(1)</script>'

    class Reader:
        @staticmethod
        def can(_permission):
            return False

    with app.test_request_context():
        shown = render_template_string(
            "{% from 'macros/editor_macros.html' import render_inline_editor %}"
            "{{ render_inline_editor(page, reader) }}",
            page=Page,
            reader=Reader,
        )
    assert "<p>Hello</p>" in shown
    assert "alert" not in shown
    assert "onclick" not in shown
    assert "<form" not in shown
