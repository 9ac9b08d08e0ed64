"""The actions that are recorded, as noun and verb, with the words in which pages tell them.

The core's stand in `app/core.toml`, a feature's in its `feature.toml`. They count while it is off,
too: events that it recorded before are still told in its words.
"""

from app.kit import features
from settings import manifests

_FEATURES = features.installed().values()
_ALL: list[manifests.CoreManifest | manifests.Manifest] = [features.core(), *_FEATURES]

# Sorted by noun. A contract test compares it with the calls of `record`.
ACTIONS: dict[str, str] = dict(
    sorted((action, words) for one in _ALL for action, words in one.events.items())
)

# The verbs of events that record a file which a user took away, and the search behind it. The
# search may name a user who is erased later: erasing looks into these events.
DOWNLOADING = ("exported", "downloaded")
SEARCHING = (
    *(action for one in _FEATURES for action in one.searches),
    *(action for action in ACTIONS if action.rpartition(".")[2] in DOWNLOADING),
)

# The headings of actions in a list of choices.
NOUNS: dict[str, str] = {noun: words for one in _ALL for noun, words in one.nouns.items()}

# The kinds of rows that events are about.
SUBJECTS: dict[str, str] = {kind: words for one in _ALL for kind, words in one.subjects.items()}
