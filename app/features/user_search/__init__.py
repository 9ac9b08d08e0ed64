"""Find users: search, filters, sorting, pages and export of the list."""

from app.features.user_search.services.filters import NO_ROLE, Filters
from app.features.user_search.services.paging import PER_PAGE, PER_PAGE_CHOICES, Page, find
from app.features.user_search.services.plans import Listed
from app.features.user_search.services.sorting import DEFAULT_SORT, SORTS, is_known
from app.features.user_search.services.totals import Total
from app.kit.tables.cursors import NotACursor

__all__ = [
    "DEFAULT_SORT",
    "NO_ROLE",
    "PER_PAGE",
    "PER_PAGE_CHOICES",
    "SORTS",
    "Filters",
    "Listed",
    "NotACursor",
    "Page",
    "Total",
    "find",
    "is_known",
]
