"""The forms of linked accounts, each with a button alone."""

from wtforms import SubmitField

from app.kit.web.forms import BaseForm


class LinkAccountForm(BaseForm):
    submit = SubmitField("Continue")


class UnlinkAccountForm(BaseForm):
    submit = SubmitField("Unlink the account")
