"""Where the feature plugs into other code."""

from app.features.user_search.services import lookup
from app.services import user_lookup

user_lookup.find_by(lookup.ids_matching)
