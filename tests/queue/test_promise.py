"""The promise of the outbox: every mail arrives, whatever process dies."""

from collections import Counter

import pytest

from app.kit import queue
from app.kit.mail import outbox
from tests.queue.support import states, until

MAILS = 1000
KILLS = 10
PATIENCE = 300  # seconds, for leases on 100 mails that begin when the last worker is killed

# The answers of the mail server, by the number of the mail.
REFUSALS = {
    30: "data 451 later",
    130: "rcpt 450 busy",
    180: "stall",
    230: "drop",
    330: "data 421 closing",
    380: "drop",
    430: "rcpt 451 later",
    480: "stall",
    530: "drop",
    630: "data 452 full",
    730: "drop",
    830: "data 451 later",
    930: "drop",
}
DROPS = Counter(REFUSALS.values())["drop"]


def kill(worker, smtp, held, act):
    """Kill the worker while it waits for the server's answer to a mail."""
    smtp.script.append(act)
    smtp.wait_until_holding(held)
    worker.end()


@pytest.mark.slow(minutes=2)
def test_all_of_a_thousand_mails_arrive(web, own_redis, smtp, start_worker, make_mails):
    """F3, F7, F9, F11, F12: at most one extra copy for each killed worker and each drop.

    Jobs and leases on mails are lost with Redis or the worker here, but the rows are not.
    """
    short = {"MAIL_TIMEOUT": "1", "EMAIL_RETRY_SECONDS": "1,1,2,2,5,5"}
    worker = start_worker(**short)
    wanted = set()
    killed = held = 0
    for number in range(1, MAILS + 1):
        (row,) = make_mails(1)
        wanted.add(row.message_id)
        outbox.commit_and_notify(row)
        if number in REFUSALS:
            smtp.script.append(REFUSALS[number])
            held += REFUSALS[number] == "stall"
        if number % 250 == 90:
            own_redis.client.flushall()
        elif number % 250 == 100:
            own_redis.stop()
        elif number % 250 == 110:
            own_redis.start()
            until(lambda: queue.enqueue("sweep_outbox"), "Redis is asked again")
        if number % (MAILS // KILLS) == MAILS // KILLS - 20:
            # Half of the workers die after the server has accepted the mail, the others before.
            held += 1
            kill(worker, smtp, held, ("keep", "stall")[killed % 2])
            killed += 1
            worker = start_worker(**short)

    until(lambda: set(states(web)) == {"sent"}, "all are sent", PATIENCE)

    copies = Counter(mail["Message-ID"] for mail in smtp.mails)
    assert killed == KILLS
    assert not smtp.script
    assert copies.keys() == wanted
    assert copies.total() - MAILS <= KILLS + DROPS
