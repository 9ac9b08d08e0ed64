"""The reasons for which a mail is not delivered."""

ERROR_LENGTH = 300


class DeliveryError(Exception):
    """The mail was not accepted. The message may be shown to an administrator."""


class TemporaryFailure(DeliveryError):
    """The server is unreachable or asks to retry later."""


class RefusedForGood(DeliveryError):
    """The server permanently refuses this mail, because the mailbox does not exist, say."""


class Misconfigured(DeliveryError):
    """No mail can be sent until an operator fixes a setting: the password, say."""


def one_line(said: object) -> str:
    """Return what an error or a server said on one line of at most ERROR_LENGTH characters."""
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:ERROR_LENGTH]
