"""Read a line of a file of users: their email, names and role."""

from __future__ import annotations

from dataclasses import dataclass

from email_validator import EmailNotValidError

from app.kit.imports.lines import ImportLine
from app.kit.many_emails import normalised_email_of_many
from app.kit.name_rule import NO_LINK, holds_link, is_name
from app.kit.names import EMAIL_LENGTH, NAME_LENGTH

NO_ADDRESS = "Enter an address like name@example.com."
NO_EMAIL = "This line has no email address."
UNSEEN = "Remove the line breaks and invisible characters."
TOO_LONG = f"Use at most {NAME_LENGTH} characters."


@dataclass(slots=True)
class Row(ImportLine):
    """A line of the file. Empty values change nothing."""

    email: str = ""
    first_name: str = ""
    last_name: str = ""
    role: str = ""

    @property
    def key(self) -> str:
        return self.email

    @property
    def label(self) -> str:
        # An invalid email is shown as written in the file.
        return self.email or next((one.value for one in self.problems if one.field == "email"), "")

    def take(self, name: str, text: str) -> None:
        if name == "email":
            self._take_address(text)
        elif text:
            setattr(self, name, text)
            self._check_text(name, text)

    def _take_address(self, text: str) -> None:
        if not text:
            self.complain("email", "", NO_EMAIL)
            return
        try:
            address = normalised_email_of_many(text)
        except EmailNotValidError:
            self.complain("email", text, NO_ADDRESS)
            return
        if len(address) > EMAIL_LENGTH:
            self.complain("email", text, f"Use at most {EMAIL_LENGTH} characters.")
            return
        self.email = address

    def _check_text(self, name: str, text: str) -> None:
        if not is_name(text):
            self.complain(name, text, UNSEEN)
        elif name != "role" and holds_link(text):
            self.complain(name, text, NO_LINK)
        elif len(text) > NAME_LENGTH:
            self.complain(name, text, TOO_LONG)
