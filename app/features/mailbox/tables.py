"""The table of mails."""

from app.features.mailbox import outbox_pages
from app.kit.mail import outbox
from app.kit.mail.email_message import EmailMessage, EmailState
from app.kit.mail.rendering import subject_of
from app.kit.tables import Choice, Column, Table

MACROS = "macros/mail_macros.html"

mails = Table(
    EmailMessage,
    title="Mail",
    lead="Every mail of the app: sent, waiting and failed, with the reason.",
    nouns=("mail", "mails"),
    endpoint="admin.emails",
    columns=[
        Column(
            "subject",
            "Subject",
            value=subject_of,
            main=True,
            link="admin.email",
            sub=f"{MACROS}:recipient_and_error",
            sort=[],
        ),
        Column("state", "State", badge=True),
        Column("attempts", "Tries", align="end", sort=[]),
        Column("created_at", "Written", nowrap=True, sort=[EmailMessage.id]),
        Column("sent_at", "Sent", macro=f"{MACROS}:sent_cell", nowrap=True, wide=True),
    ],
    search=["recipient"],
    search_parameter="recipient",
    search_label="Find by recipient",
    exact=outbox_pages.has_recipient,
    filters=[
        Choice(
            "state",
            "States of mail",
            choices=EmailState,
            is_tabs=True,
            counts=outbox.statistics,
            unknown="“{}” is no state of a mail, so every mail is shown.",
        )
    ],
    order="-created_at",
    live=True,
    empty=("envelope", "No mail yet", "Each mail that the app writes appears here."),
    no_match=("No mail matches", "Try part of an address, or another state."),
)
