"""Search, filter, sort and export the list of users."""

from app.features.user_search.services.filters import NO_ROLE, Filters
from app.features.user_search.services.paging import find
from app.features.user_search.services.sorting import DEFAULT_SORT, SORTS

__all__ = ["DEFAULT_SORT", "NO_ROLE", "SORTS", "Filters", "find"]
