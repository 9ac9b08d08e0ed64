"""Take over the pages that administrators edited in flask-base."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select

from app.extensions import db
from app.features.content import pages
from app.features.content.models import EditableHTML
from app.features.older_accounts import TakeOverReport, takes_over


@takes_over("editable_html", "editor_name", "value")
def take_over_pages(rows: Iterable[Mapping[str, Any]], report: TakeOverReport) -> None:
    """Save the pages that do not exist here. Tags that are not allowed are left out."""
    for row in rows:
        name, html = str(row["editor_name"] or ""), str(row["value"] or "").replace("\0", "")
        if not pages.NAME.fullmatch(name):
            report.tell(f"The page {name!r} is left out: its name is none of this application.")
            continue
        if db.session.scalar(select(EditableHTML.id).where(EditableHTML.editor_name == name)):
            report.counts["pages already here"] += 1
            continue
        report.counts["pages taken over"] += 1
        if html != pages.sanitise(html):
            report.tell(f"The page {name} loses tags or attributes that are not allowed here.")
        if not report.is_trial:
            pages.save(name, html, by=None)
