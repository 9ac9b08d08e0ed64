"""The mail that tells users that their data is collected."""

from app.emails.facts import user_of
from app.kit.mail.email_message import EmailMessage
from app.kit.mail.registry import Values, message
from app.kit.mail.writing import add
from app.kit.web.links import external_url
from app.models import User


def send_own_data_ready(user: User) -> EmailMessage:
    return add("own_data_ready", user.email, user)


@message("You or an administrator asked for the data of your account.")
def _own_data_ready(row: EmailMessage) -> Values:
    return {"user": user_of(row), "link": external_url("account.own_data")}
