"""The path of a mail: a page, Redis, a worker process, a mail server, and the link in the mail."""

import json
import zlib

from sqlalchemy import select

from app.extensions import db
from app.kit.mail.email_message import EmailMessage
from app.models import User
from settings import product
from tests.queue.support import states, until
from tests.support import PASSWORD, links, path_of

PERSON = {
    "first_name": "Ada <b>",
    "last_name": "Lövelace",
    "email": "ada@example.com",
    "password": PASSWORD,
    "password2": PASSWORD,
}


def text_of(mail):
    return mail.get_body(("plain",)).get_content()


def test_a_person_registers_reads_the_mail_confirms_and_signs_in(web, start_worker, smtp):
    start_worker()
    browser = web.test_client()

    assert browser.submit("/account/register", PERSON).status_code == 302
    mail = smtp.wait_for(1)[0]
    link = links(text_of(mail))[0]
    assert browser.submit(path_of(link)).status_code == 302
    browser.sign_in("ada@example.com")

    assert browser.is_signed_in()
    assert mail["Subject"] == f"[{product.name()}] Confirm your email address"
    assert link.startswith("http://localhost/account/confirm-account/")
    for part in ("plain", "html"):
        assert "Lövelace" not in mail.get_body((part,)).get_content(), "nobody has confirmed it"
    assert smtp.envelopes == [("no-reply@localhost", ["ada@example.com"])]
    assert db.session.scalar(select(User.confirmed)) is True


def test_the_row_says_sent_and_keeps_the_message_id_of_the_mail(web, start_worker, smtp):
    start_worker()
    web.test_client().submit("/account/register", PERSON)
    mail = smtp.wait_for(1)[0]

    until(lambda: states(web) == ["sent"], "the row is marked sent")
    row = db.session.scalar(select(EmailMessage))
    assert (row.message_id, row.attempts) == (mail["Message-ID"], 1)


def test_neither_redis_nor_the_database_holds_a_link_or_anything_about_the_person(
    web, own_redis, start_worker, smtp
):
    web.test_client().submit("/account/register", PERSON)
    stored = []
    for key in own_redis.client.scan_iter("*"):
        stored.append(key)
        if own_redis.client.type(key) == b"hash":
            stored += [part for pair in own_redis.client.hgetall(key).items() for part in pair]
    queued = b" ".join(stored)
    worker = start_worker()
    mail = smtp.wait_for(1)[0]
    worker.wait_for_line("email 1 .* sent")
    token = links(text_of(mail))[0].rpartition("/")[2]

    assert b"drain_outbox" in queued
    for secret in (b"ada@example.com", b"velace", b"http://localhost", PASSWORD.encode()):
        assert secret not in queued
    rows = db.session.execute(select(EmailMessage.__table__)).mappings().all()
    assert token not in json.dumps([dict(row) for row in rows], default=str)
    assert token not in worker.output


def test_a_job_is_json_and_carries_the_request_id_to_the_log_of_the_worker(
    web, own_redis, start_worker, smtp, monkeypatch
):
    monkeypatch.setitem(web.config, "TRUSTED_PROXIES", 1)
    web.test_client().submit(
        "/account/register", PERSON, headers={"X-Request-ID": "request-0123456789"}
    )
    (job_key,) = own_redis.client.scan_iter("rq:job:*")
    job = own_redis.client.hgetall(job_key)
    data = zlib.decompress(job[b"data"])

    assert json.loads(data) == ["drain_outbox", None, [], {}]
    assert json.loads(job[b"meta"]) == {"request_id": "request-0123456789"}
    worker = start_worker()
    worker.wait_for_line(r"\[request-0123456789\].*email 1 \(confirm\) sent")
