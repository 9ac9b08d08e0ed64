"""Finding people: the list, newest arrivals, and how many there are of each kind."""

from app.services.directory.cursors import NotACursor
from app.services.directory.filters import NO_ROLE, Filters
from app.services.directory.overview import newest, statistics
from app.services.directory.paging import PER_PAGE, PER_PAGE_CHOICES, Page, find
from app.services.directory.plans import Listed
from app.services.directory.sorting import DEFAULT_SORT, SORTS, is_known
from app.services.directory.totals import Total

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
    "newest",
    "statistics",
]
