"""The app, with a page and a password whose work lasts until a test lets it go."""

import os
import socket

import manage
from app.kit import passwords

app = manage.app


def hold() -> None:
    """Connect to the test, and wait until it hangs up."""
    with socket.create_connection(("127.0.0.1", int(os.environ["TEST_PORT"]))) as connection:
        connection.recv(1)


class HeldHasher:
    """Computes the hash of one password for as long as the test likes."""

    def __getattr__(self, name: str) -> object:
        return getattr(type(self).hasher, name)

    hasher = passwords.hasher

    def verify(self, password_hash: str, password: str) -> bool:
        if password == os.environ["TEST_PASSWORD"]:
            hold()
        return self.hasher.verify(password_hash, password)


@app.get("/held")
def held() -> str:
    hold()
    return "let go"


passwords.hasher = HeldHasher()  # type: ignore[assignment]
