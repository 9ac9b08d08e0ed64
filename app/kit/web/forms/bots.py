"""Recognise programs that send a form: a field that users do not see, and the time they need."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import current_app
from markupsafe import Markup
from wtforms import HiddenField
from wtforms.widgets import HiddenInput

from app.kit import tokens
from app.kit.database import now
from app.kit.web.forms import BaseForm

logger = logging.getLogger(__name__)

PURPOSE = "form"
DAY = 24 * 60 * 60  # how long a page may wait in a cache or an open tab
TOO_FAST = "That was very fast. Wait a moment, then send the form again."


class TrapInput(HiddenInput):
    """Render a text field that sighted users, screen readers and the tab key do not reach."""

    def __call__(self, field: Any, **_kwargs: Any) -> Markup:
        # `hidden` or type="hidden" would warn programs. The other attributes keep password managers
        # from filling the field in.
        return Markup(
            '<div class="visually-hidden" aria-hidden="true"><label>Leave this field empty'
            '<input type="text" name="{}" value="{}" tabindex="-1" autocomplete="off"'
            ' data-1p-ignore data-lpignore="true"></label></div>'
        ).format(field.name, field.data or "")


@dataclass(frozen=True)
class Challenge:
    """A task for the visitor's browser, of a feature.

    `render` returns the HTML of the task for a field of this name, or "" if there is none now.
    `find_problem` takes what the field holds, and returns the problem in words, or "".
    """

    render: Callable[[str], Markup]
    find_problem: Callable[[str], str]


_challenges: list[Challenge] = []


def add_challenge(challenge: Challenge) -> None:
    """Ask for the solution of a challenge in every GuardedForm. There is one at most."""
    _challenges[:] = [challenge]


class ChallengeInput(HiddenInput):
    """Render the challenge, if there is one. A solution is good once, so it is not repeated."""

    def __call__(self, field: Any, **_kwargs: Any) -> Markup:
        return Markup().join(challenge.render(field.name) for challenge in _challenges)


class ProofField(HiddenField):
    """The solution of the challenge."""

    widget = ChallengeInput()


class TrapField(HiddenField):
    """A field that only a program fills in."""

    widget = TrapInput()


class OpenedField(HiddenField):
    """The signed time at which the form was opened. It needs no cookie, so pages may be cached."""

    def __init__(self, **options: Any) -> None:
        super().__init__(default=self.new_value, **options)

    @staticmethod
    def new_value() -> str:
        opened_at = str(now().timestamp())
        return tokens.make(PURPOSE, 0, "", expires_in=DAY, claim=opened_at)

    def process_formdata(self, valuelist: list[str]) -> None:
        """Keep the time of the page, so that it can be sent again, unless it is forged or old."""
        if valuelist and tokens.read(PURPOSE, valuelist[0]):
            self.data = valuelist[0]

    def seconds(self) -> float:
        """Return how long the form has been open. A form without a time was opened now."""
        content = tokens.read(PURPOSE, self.data or "")
        return now().timestamp() - float(content.claim) if content else 0


class GuardedForm(BaseForm):
    """A form for visitors that refuses to be sent within FORM_MIN_SECONDS.

    If `is_from_bot` is true, the view answers as to everybody else, and does nothing.
    """

    subject = TrapField()
    opened = OpenedField()
    proof = ProofField()

    @property
    def is_from_bot(self) -> bool:
        """Whether the field was filled in that users do not see."""
        if self.subject.data:
            logger.info("a program sent %s: nothing was done", type(self).__name__)
        return bool(self.subject.data)

    def validate(self, extra_validators: Any = None) -> bool:
        """Validate the fields, and then the time, because a user who corrects a field took long."""
        if not super().validate(extra_validators):
            return False
        if self.opened.seconds() < current_app.config["FORM_MIN_SECONDS"]:
            self.opened.errors = [TOO_FAST]
            return False
        problems = (challenge.find_problem(self.proof.data or "") for challenge in _challenges)
        self.proof.errors = [problem for problem in problems if problem]
        return not self.proof.errors
