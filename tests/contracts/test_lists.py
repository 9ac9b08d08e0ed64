"""Every list opens in each of its orders."""

from app.kit.tables import table as tables
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
