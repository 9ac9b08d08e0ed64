"""List the recorded actions, as noun and verb, with the words that pages show for them.

The core declares its actions in `app/core.toml`, a feature in its `feature.toml`. The actions of a
feature stay listed while it is off, because earlier events still need their words.
"""

from app.kit import features
from settings import manifests

_FEATURES = features.installed().values()
_ALL: list[manifests.CoreManifest | manifests.Manifest] = [features.core(), *_FEATURES]

# The actions are sorted by noun. A contract test compares them with the calls of `record`.
ACTIONS: dict[str, str] = dict(
    sorted((action, words) for one in _ALL for action, words in one.events.items())
)

# These verbs record that a user downloaded a file, with the search that selected its rows. The
# search may name a user who is erased later, so erasing rewrites these events too.
DOWNLOADING = ("exported", "downloaded")
SEARCHING = (
    *(action for feature in _FEATURES for action in feature.searches),
    *(action for action in ACTIONS if action.rpartition(".")[2] in DOWNLOADING),
)

# The group headings of the actions in a select field.
NOUNS: dict[str, str] = {noun: words for one in _ALL for noun, words in one.nouns.items()}

# The kinds of rows that are subjects of events.
SUBJECTS: dict[str, str] = {kind: words for one in _ALL for kind, words in one.subjects.items()}
