"""Plug saved views into the pages of declared tables."""

from werkzeug.datastructures import MultiDict

from app.features.saved_views import services
from app.kit import slots
from app.kit.tables import asked
from app.kit.tables.table import Table
from app.kit.web.table_pages import ShownTable
from app.models import User


@slots.table_menu("partials/_views_menu.html")
def views_menu(shown: ShownTable, by: User) -> slots.Values:
    own, shared = services.of_table(shown.table, by)
    return {
        "own": own,
        "shared": shared,
        "deletable": {view.id for view in shared if services.may_delete(view, by)},
        "query": services.query_of(shown.asked),
        "usual": services.query_of(asked.read(shown.table, MultiDict())),
        "is_full": len(own) >= services.MOST,
    }


@slots.table_start
def start(table: Table, by: User) -> str:
    return services.start_of(table, by)
