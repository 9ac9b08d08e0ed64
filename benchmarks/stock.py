"""Provide RQ's own worker, and jobs as in its documentation, for comparison.

`rq worker` finds the jobs in this module. As a program, the module runs RQ's worker with the kit's
app already loaded, so that its jobs need not import it.
"""

import os

from flask import Flask, render_template_string
from flask_mail import Mail, Message
from redis import Redis
from rq import Worker

BODY = """
<html><body><h1>Hello {{ name }}</h1>
{% for number in range(20) %}<p>Your password was changed. If that was not you, tell us.</p>
{% endfor %}</body></html>
"""

app = Flask(__name__)
app.config.update(
    MAIL_SERVER=os.environ.get("MAIL_SERVER"),
    MAIL_PORT=int(os.environ.get("MAIL_PORT", "0")),
    MAIL_USE_TLS=True,
    MAIL_DEFAULT_SENDER="kit@example.com",
)
mail = Mail(app)


def send(recipient: str) -> None:
    with app.app_context():
        message = Message("Your password was changed", [recipient])
        message.html = render_template_string(BODY, name=recipient)
        message.body = message.html
        mail.send(message)


def nothing() -> None:
    pass


if __name__ == "__main__":
    from app import create_app  # `rq worker` does not need the kit to send mail.

    create_app("production")
    Worker(["stock"], connection=Redis.from_url(os.environ["REDIS_URL"])).work(
        logging_level="ERROR"
    )
