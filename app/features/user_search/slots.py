"""Where the feature plugs into other code."""

from app.features.user_search.services import lookup
from app.services import user_list, user_lookup

user_lookup.find_by(lookup.ids_matching)
user_list.find_by(lookup.page)
