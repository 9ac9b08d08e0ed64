"""A provider in a process of its own, and browsers that sign in with it."""

import html
import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from app.extensions import db
from app.features.oauth.models import LinkedAccount
from app.features.oauth.providers import Provider
from tests.queue.support import free_port, until
from tests.running_kit import is_up

PROGRAM = Path(__file__).with_name("provider.py")
CLIENT, SECRET = "the client", "a secret/of:the client"
TENANT = "72f988bf-86f1-41af-91ab-2d7cd011db47"
ISSUER = "https://id.example.com"
ACME = Provider(
    name="acme", label="Acme", kind="openid", issuer=ISSUER, client_id="a", client_secret="b"
)
LOGIN, MANAGE = "/account/login", "/account/manage/linked-accounts"
REFRESH = re.compile(r'http-equiv="refresh" content="0; url=([^"]+)"')
ADA = {
    "email": "ada@example.com",
    "email_verified": True,
    "given_name": "Ada",
    "family_name": "Lovelace",
}


class _Stays(HTTPRedirectHandler):
    def redirect_request(self, *_arguments):
        return None


class Server:
    """The provider's process, as its users and its owner reach it."""

    def __init__(self, url):
        self.url = url
        self.opener = build_opener(_Stays)

    def behave(self, **behaviour):
        data = json.dumps({"claims": ADA} | behaviour).encode()
        headers = {"Content-Type": "application/json"}
        self.opener.open(Request(f"{self.url}/control", data, headers)).close()  # noqa: S310

    def asked(self, path=""):
        with self.opener.open(f"{self.url}/control") as answer:
            found = json.load(answer)
        return [one for one in found if not path or one["path"] == path]

    def approve(self, url):
        """Return where the provider sends a browser that opens `url`."""
        try:
            with self.opener.open(url) as answer:
                raise AssertionError(answer.read())
        except OSError as answer:  # Nobody follows the redirect.
            return answer.headers["Location"]


@contextmanager
def run_server():
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, str(PROGRAM), str(port)], env={"PATH": os.environ["PATH"]}
    )
    server = Server(f"http://127.0.0.1:{port}")
    try:
        until(lambda: process.poll() or is_up(f"{server.url}/control"), "the provider answers")
        assert process.poll() is None
        yield server
    finally:
        process.terminate()
        process.wait()


def leave(browser, provider="acme", *, form_at=LOGIN, path="/account/sign-in-with", **data):
    """Send the form that leaves for a provider, and return the URL there."""
    page = browser.submit(path, {"provider": provider, **data}, form_at=form_at)
    found = REFRESH.search(page.text)
    assert found, (page.status_code, page.location)
    return html.unescape(found.group(1))


def come_back(browser, server, url):
    """Sign in at the provider, and return the page to which it sends the browser."""
    return browser.get(server.approve(url).removeprefix("http://localhost"))


def sign_in(browser, server, provider="acme"):
    return come_back(browser, server, leave(browser, provider))


def link(browser, server, provider="acme"):
    url = leave(browser, provider, path=f"{MANAGE}/link/{provider}", form_at=MANAGE)
    return come_back(browser, server, url)


def query_of(url):
    return {name: texts[0] for name, texts in parse_qs(urlsplit(url).query).items()}


def give_account(user, server=None, *, provider="acme", **values):
    """Link an account to a user without a browser."""
    issuer = server.url if server else "https://id.example.com"
    facts = {"issuer": issuer, "subject": "1234", "email": "ada@example.com"} | values
    account = LinkedAccount(user_id=user.id, provider=provider, **facts)
    db.session.add(account)
    db.session.commit()
    return account


def said(browser, response):
    """Return the text of the page that follows an answer."""
    assert response.status_code == 302, response.text
    return html.unescape(browser.get(response.location, follow_redirects=True).text)


def at_github(**values):
    email = {"email": "ada@example.com", "primary": True, "verified": True}
    other = {"email": "other@example.com", "primary": False, "verified": True}
    return {
        "auth_method": "client_secret_post",
        "/user": {"id": 583231, "login": "ada", "name": "Ada Lovelace", "email": "x@example.com"},
        "/user/emails": [other, email | values],
    }
