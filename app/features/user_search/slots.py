"""Plug the search into the user lookup of other modules."""

from app.features.user_search.services import lookup
from app.services import user_lookup

user_lookup.find_by(lookup.ids_matching)
