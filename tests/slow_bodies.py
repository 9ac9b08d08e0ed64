"""Bodies that arrive slowly, and a look at whether others can write meanwhile."""

import io
from contextlib import contextmanager

from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError


@contextmanager
def writer(database):
    """Yield a function that tells whether another connection can write at this moment."""
    waiting = {"timeout": 0.05} if database.startswith("sqlite") else {}
    engine = create_engine(database, connect_args=waiting)

    def can_write():
        try:
            with engine.begin() as connection:
                connection.execute(text("UPDATE roles SET name = name"))
        except OperationalError:
            return False
        return True

    yield can_write
    engine.dispose()


class SlowBody(io.BytesIO):
    """A body that checks before each read whether other connections can write."""

    def __init__(self, content, can_write):
        super().__init__(content)
        self.can_write, self.answers = can_write, []

    def read(self, size=-1):
        self.answers.append(self.can_write())
        return super().read(size)

    def readinto(self, buffer):
        self.answers.append(self.can_write())
        return super().readinto(buffer)


def send(browser, path, body, content_type, *, in_chunks=False):
    length = {"Transfer-Encoding": "chunked"} if in_chunks else {"Content-Length": str(body[1])}
    return browser.post(
        path, input_stream=body[0], headers=length, environ_overrides={"CONTENT_TYPE": content_type}
    )
