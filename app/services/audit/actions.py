"""The actions that are recorded, as noun and verb, with the words in which pages tell them.

The core's own stand here. A feature's stand in its `feature.toml`. They count while it is off, too:
events that it recorded before are still told in its words.
"""

from app.kit import features

_FEATURES = features.installed().values()

# Sorted by noun. A contract test compares it with the calls of `record`.
CORE: dict[str, str] = {
    "role.changed": "Edited the role",
    "role.created": "Made the role",
    "role.deleted": "Deleted the role",
    "session.ended": "Signed out",
    "session.impersonation_ended": "Stopped being someone else",
    "session.impersonation_started": "Signed in as someone else",
    "session.reauthenticated": "Gave the password again",
    "session.reauthentication_refused": "Gave a wrong password when asked again",
    "session.refused": "A sign-in failed",
    "session.started": "Signed in",
    "session.throttled": "Had to wait after too many attempts",
    "user.confirmation_refused": "Gave a wrong password to confirm the address",
    "user.confirmation_resent": "Sent the confirmation link again",
    "user.confirmed": "Confirmed the address",
    "user.created": "Created the account",
    "user.deleted": "Deleted the account",
    "user.deletion_refused": "Gave a wrong password to delete the account",
    "user.email_change_asked": "Asked to change the address",
    "user.email_change_cancelled": "Cancelled the change of the address",
    "user.email_change_refused": "Gave a wrong password to change the address",
    "user.email_changed": "Changed the address",
    "user.gave_way": "Took the address from an account that nobody had confirmed",
    "user.invitation_accepted": "Accepted the invitation",
    "user.invitation_resent": "Sent the invitation again",
    "user.invited": "Sent an invitation",
    "user.password_change_refused": "Gave a wrong password to change the password",
    "user.password_change_required": "Asked for a new password",
    "user.password_changed": "Changed the password",
    "user.password_reset": "Chose a new password by a link",
    "user.password_voided": "Voided the password that the account was made with",
    "user.purged": "Erased the account",
    "user.reactivated": "Reactivated the account",
    "user.registered": "Registered",
    "user.registration_repeated": "Tried to register an address that has an account",
    "user.renamed": "Changed the name",
    "user.reset_asked": "Asked for a link to reset the password",
    "user.reset_link_sent": "Sent a link to choose a new password",
    "user.restored": "Restored the account",
    "user.role_changed": "Changed the role",
    "user.session_ended": "Ended a session",
    "user.sessions_ended": "Ended all sessions",
    "user.suspended": "Suspended the account",
}
ACTIONS = dict(sorted((CORE | {k: v for one in _FEATURES for k, v in one.events.items()}).items()))

# The verbs of events that record a file which a user took away, and the search behind it. The
# search may name a user who is erased later: erasing looks into these events.
DOWNLOADING = ("exported", "downloaded")
SEARCHING = (
    *(action for one in _FEATURES for action in one.searches),
    *(action for action in ACTIONS if action.rpartition(".")[2] in DOWNLOADING),
)

# The headings of actions in a list of choices.
NOUNS: dict[str, str] = {
    "session": "Signing in and out",
    "user": "People",
    "role": "Roles",
    **{noun: words for one in _FEATURES for noun, words in one.nouns.items()},
}

# The kinds of rows that events are about.
SUBJECTS: dict[str, str] = {
    "role": "Role",
    "user": "Person",
    **{kind: words for one in _FEATURES for kind, words in one.subjects.items()},
}
