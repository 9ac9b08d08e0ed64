"""The form of a webhook."""

from __future__ import annotations

from typing import Any

from wtforms import BooleanField, HiddenField, SelectMultipleField, SubmitField, URLField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, ValidationError

from app.features.webhooks import services, targets
from app.features.webhooks.models import NAME_LENGTH, URL_LENGTH, Webhook
from app.features.webhooks.services import WebhookValues
from app.kit import edit_conflicts, features
from app.kit.audit import ACTIONS, NOUNS
from app.kit.web.forms import BaseForm, cut
from app.kit.web.forms.fields import text_field


class EventsField(SelectMultipleField):
    """Check boxes for the actions of the audit trail."""

    def __init__(self, label: str, **options: Any) -> None:
        choices = [SelectChoice(action, words) for action, words in ACTIONS.items()]
        super().__init__(label, choices=choices, **options)

    def pre_validate(self, form: Any) -> None:
        if any(action not in ACTIONS for action in self.data or []):
            raise ValidationError("Choose events of the list.")
        if not self.data and not form.wants_all.data:
            raise ValidationError("Choose at least one event, or all of them.")

    def groups(self) -> list[tuple[str, list[tuple[str, str, bool]], int]]:
        """Return the noun, the actions with words and state, and the number of chosen ones.

        Actions of features that are off are there if they were chosen before.
        """
        chosen = set(self.data or [])
        off = {action for one in features.installed().values() if one.off for action in one.events}
        grouped: dict[str, list[tuple[str, str, bool]]] = {}
        for action, words in ACTIONS.items():
            if action in off - chosen:
                continue
            noun = NOUNS.get(action.partition(".")[0], "Other")
            grouped.setdefault(noun, []).append((action, words, action in chosen))
        return [
            (noun, rows, sum(is_chosen for *_, is_chosen in rows))
            for noun, rows in sorted(grouped.items())
        ]


class WebhookForm(BaseForm):
    name = text_field("Name")
    url = URLField(
        "URL",
        description="Where the app posts events, such as https://example.com/webhooks.",
        filters=[cut(URL_LENGTH)],
        validators=[DataRequired("Enter a URL.")],
        render_kw={"maxlength": URL_LENGTH, "autocomplete": "off", "spellcheck": "false"},
    )
    wants_all = BooleanField("All events", description="Also those that the app records later.")
    actions = EventsField("Events")
    seen = HiddenField()
    submit = SubmitField("Save webhook")

    def validate_name(self, field: Any) -> None:
        if len(field.data or "") > NAME_LENGTH:
            raise ValidationError(f"Use at most {NAME_LENGTH} characters.")

    def validate_url(self, field: Any) -> None:
        try:
            targets.ensure_allowed(field.data)
        except targets.UrlRefused as error:
            raise ValidationError(str(error)) from None

    def values(self) -> WebhookValues:
        """Return the input. Use it only after the form has been validated."""
        return WebhookValues(
            self.name.data or "", self.url.data or "", self.wants_all.data, self.actions.data or []
        )

    def show(self, webhook: Webhook) -> None:
        """Fill in the values of a webhook."""
        values = services.values_of(webhook)
        self.name.data, self.url.data = values.name, values.url
        self.wants_all.data, self.actions.data = values.wants_all, list(values.actions)
        self.note(webhook)

    def note(self, webhook: Webhook) -> None:
        """Save a snapshot of the webhook in the form, to detect changes by another user."""
        self.seen.data = edit_conflicts.snapshot(services.values_of(webhook).noted())
