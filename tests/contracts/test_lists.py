"""Every list opens in each of its orders, and the guide names what a list can be told."""

from dataclasses import fields

from app.kit.imports.csv_import import CsvImport
from app.kit.tables import actions, columns, filters, ranges
from app.kit.tables import table as tables
from config import BASE_DIR
from tests.routes import RULES


def test_every_list_opens_in_each_order(browser):
    """The list of registrations was a 500 in the order of names."""
    urls = {rule.endpoint: str(rule) for rule in RULES if not rule.arguments}
    for table in tables.declared():
        url = urls.get(table.endpoint)
        for column in table.all_columns if url else ():
            for sign in ("", "-") if table.sorts(column.name) else ():
                page = f"{url}?sort={sign}{column.name}"
                assert browser.get(page, follow_redirects=True).status_code == 200, page


def test_the_guide_names_every_argument():
    guides = (BASE_DIR / "docs" / name for name in ("tables.md", "customising.md"))
    guide = "".join(path.read_text() for path in guides)
    declared = [tables.Table, columns.Column, actions.RowAction, actions.BulkAction, CsvImport]
    declared += [filters.Choice, filters.Relation, filters.YesNo, ranges.Dates, ranges.Numbers]
    for one in declared:
        for argument in fields(one):
            name = argument.name
            if argument.init and name not in {"model", "name", "label", "form"}:
                assert f"`{name}" in guide or f"{name}=" in guide, f"docs/tables.md lacks `{name}`."
