"""Replace the names and emails of an erased user in audit events by the user's number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

NOWHERE = {"address": "", "device": ""}
# The keys of `changes` and `details` that hold a user's email or name.
PERSONAL = {"email", "pending_email", "first_name", "last_name", "name"}
# The keys of `details` that hold text written by a user. The other texts are the app's own.
WRITTEN = {"search", "reason"}


def name_of_erased(user_id: int) -> str:
    """Return the label of an erased user in the audit trail."""
    return f"deleted user #{user_id}"


class ErasedUser:
    """A user to erase from the trail: the new label, and the known emails and names."""

    def __init__(self, user_id: int, email: str, names: Iterable[str | None]) -> None:
        self.id, self.email, self.name = user_id, email, name_of_erased(user_id)
        self.texts: set[str] = set()
        # Some letters become two in lower case and then match no longer, so both forms are kept.
        self.learn([text for name in names if name for text in (name, name.lower())])

    def learn(self, texts: Iterable[str | None]) -> None:
        """Add further emails and names of the user."""
        new = {text for text in texts if text} - self.texts
        if new:
            self.texts |= new
            longest_first = sorted(self.texts, key=len, reverse=True)
            either = "|".join(map(re.escape, longest_first))
            # A longer email or name that contains one of these belongs to another user.
            self._pattern = re.compile(rf"(?<![\w.+-])(?:{either})(?!\.?[\w-])", re.IGNORECASE)

    def taken_out_of(self, text: str) -> str:
        return self._pattern.sub(self.name, text)

    def address_taken_out_of(self, text: str) -> str:
        """Replace the user's emails in `text`, and keep the names."""
        return self._pattern.sub(lambda found: self.name if "@" in found[0] else found[0], text)

    @property
    def addresses(self) -> set[str]:
        """All known emails of the user in lower case, as events store them."""
        return {text.lower() for text in self.texts if "@" in text}


def without(row: Mapping[str, Any], people: Mapping[int, ErasedUser]) -> dict[str, Any]:
    """Return the columns of an event to update, so that it names none of the users in `people`."""
    kept = ("actor_label", "acting_as_label", "subject_label", "address", "device")
    values = {key: row[key] for key in ("id", *kept, "changes", "details")}
    about = row["subject_id"] if row["subject_type"] == "user" else None
    for user_id in {row["actor_id"], row["acting_as_id"], about} & people.keys():
        person = people[user_id]
        person.learn(_addresses(row, user_id))
        is_about = user_id == about
        if row["actor_id"] == user_id or (is_about and row["actor_id"] is None and row["address"]):
            values |= {"actor_label": person.name} | NOWHERE
        if row["acting_as_id"] == user_id:
            values["acting_as_label"] = person.name
        if is_about:
            values["subject_label"] = person.name
        for key in ("changes", "details"):
            values[key] = _cleaned(values[key], person, everything=is_about)
    return {key: value for key, value in values.items() if key == "id" or value != row[key]}


def _addresses(row: Mapping[str, Any], user_id: int) -> Iterator[str]:
    """Yield the emails that an event gives for a user."""
    if row["actor_id"] == user_id:
        yield row["actor_label"]
    if row["acting_as_id"] == user_id:
        yield row["acting_as_label"]
    if (row["subject_type"], row["subject_id"]) == ("user", user_id):
        yield row["subject_label"]
        for key in ("email", "pending_email"):
            yield from filter(None, row["changes"].get(key, ()))


def without_search(details: Mapping[str, Any], person: ErasedUser) -> dict[str, Any]:
    """Remove a user from the search and the reason in the details of an event.

    A list of your own may store its search under any key, so emails are replaced everywhere. Names
    are replaced only under WRITTEN: elsewhere a word of the app may look like a name.
    """
    return {
        key: _cleaned(part, person, everything=False)
        if key in WRITTEN
        else _without_address(part, person)
        for key, part in details.items()
    }


def _without_address(value: Any, person: ErasedUser) -> Any:
    if isinstance(value, dict):
        return without_search(value, person)
    if isinstance(value, list):
        return [_without_address(part, person) for part in value]
    return person.address_taken_out_of(value) if isinstance(value, str) else value


def _cleaned(value: Any, person: ErasedUser, *, everything: bool) -> Any:
    """Replace a user's names in a value of an event. `everything` also replaces PERSONAL values."""
    if isinstance(value, dict):
        return {
            key: _named(part, person.name)
            if everything and key in PERSONAL
            else _cleaned(part, person, everything=everything)
            for key, part in value.items()
        }
    if isinstance(value, list):
        return [_cleaned(part, person, everything=everything) for part in value]
    return person.taken_out_of(value) if isinstance(value, str) else value


def _named(value: Any, name: str) -> Any:
    if isinstance(value, list):
        return [part and name for part in value]
    return value and name
