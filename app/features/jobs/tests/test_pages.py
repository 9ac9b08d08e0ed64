"""Test the pages of queues and jobs with a real Redis."""

import json
import threading
import zlib
from datetime import timedelta
from itertools import chain

import pytest
from rq.registry import FailedJobRegistry

from app.extensions import db
from app.features.jobs import jobs, tables
from app.kit import tokens
from app.kit.database import now
from app.kit.queue import job_actions, job_reader
from app.kit.queue.jobs import TaskJob
from app.kit.redact import HIDDEN, redacted
from app.models import UserSession
from tests.queue.support import free_port
from tests.support import PASSWORD, module_of

HOSTILE = "<script>alert(1)</script>{{ 7 * 7 }}"


def ids(response):
    return [
        part.split('"')[0]
        for part in response.text.split('class="row-link" href="/admin/jobs/')[1:]
    ]


# Lists


def test_an_operator_sees_the_queues_and_nothing_else_of_the_admin(manager, redis):
    page = manager.get("/admin/jobs")

    assert page.status_code == 200
    assert manager.get("/admin/users").status_code == 403
    assert 'href="/admin/users"' not in page.text
    assert ('href="/admin/emails"' in page.text) == bool(module_of("mailbox"))
    assert 'href="/admin/"' in manager.get("/").text
    assert 'href="/admin/jobs"' in manager.get("/admin/").text


def test_without_the_permission_jobs_are_not_shown(client, make_user):
    client.enter(make_user())
    assert "/admin/" not in client.get("/").text
    assert client.get("/admin/jobs").status_code == 403


@pytest.mark.parametrize(
    "state", ["failed", "started", "queued", "scheduled", "finished", "canceled"]
)
def test_each_list_shows_its_jobs_newest_first(manager, add_job, state):
    first, second = add_job(state=state, email_id=1), add_job(state=state, email_id=2)
    other = add_job(state="failed" if state != "failed" else "queued")
    shown = ids(manager.get(f"/admin/jobs?list={state}"))

    assert set(shown) == {first, second}
    assert other not in shown
    if state == "queued":
        assert shown == [second, first]


def test_the_newest_failure_comes_first(manager, add_job, redis, task_queue):
    older, newer = add_job(), add_job()
    redis.zadd(f"rq:failed:{task_queue.name}", {older: 1000, newer: 2000})

    assert ids(manager.get("/admin/jobs")) == [newer, older]


def test_jobs_are_found_by_task_and_by_a_part_of_the_id(manager, add_job):
    mail, sweep = add_job("drain_outbox"), add_job("sweep_outbox")

    assert ids(manager.get("/admin/jobs?task=sweep_outbox")) == [sweep]
    assert ids(manager.get(f"/admin/jobs?search={mail[4:-2]}")) == [mail]
    assert ids(manager.get("/admin/jobs?search=nothing")) == []
    assert "Nothing matches" in manager.get("/admin/jobs?search=nothing").text


def test_a_long_list_is_paged(manager, add_job, monkeypatch):
    monkeypatch.setitem(vars(tables.jobs), "per_page", 2)
    every = [add_job(email_id=number) for number in range(5)]
    pages = [ids(manager.get(f"/admin/jobs?page={number}")) for number in (1, 2, 3, 4)]
    filtered = [ids(manager.get(f"/admin/jobs?task=drain_outbox&page={n}")) for n in (1, 2, 3)]

    assert [len(page) for page in pages] == [2, 2, 1, 0]
    assert sorted(chain(*pages)) == sorted(every) == sorted(chain(*filtered))


@pytest.mark.parametrize(
    "query",
    ["list=x", "queue=x", "task=%00", "page=-1", "page=1e9", "page=99999999999", "search=%00"],
)
def test_nonsense_in_the_address_is_left_out(manager, add_job, query):
    add_job()
    assert manager.get(f"/admin/jobs?{query}").status_code == 200


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("list=banana", "“banana” is no list of jobs, so those that failed are shown."),
        ("queue=banana", "There is no queue “banana”, so every queue is shown."),
        ("task=a-b", "“a-b” is no task, so every task is shown."),
        ("page=zz", "“zz” is no page of the list, so the first is shown."),
        ("page=0", "“0” is no page of the list, so the first is shown."),
    ],
)
def test_an_invalid_filter_shows_the_unfiltered_list_and_says_so(manager, add_job, query, words):
    job_id = add_job(state="failed")
    page = manager.get(f"/admin/jobs?{query}")
    assert ids(page) == [job_id]
    assert words in page.text
    assert words not in manager.get("/admin/jobs?list=failed&page=1").text


@pytest.mark.parametrize("filters", ["queue=banana", "task=a-b"])
@pytest.mark.parametrize("action", ["retry-all?", "delete-all?list=failed&"])
def test_an_invalid_filter_does_not_select_all_jobs(manager, add_job, filters, action):
    add_job(state="failed")
    assert manager.get(f"/admin/jobs/{action}{filters}").status_code == 404
    assert manager.submit(f"/admin/jobs/{action}{filters}", form_at="/").status_code == 404
    assert len(ids(manager.get("/admin/jobs"))) == 1


def test_empty_lists_say_so(manager, redis):
    assert "Nothing has failed" in manager.get("/admin/jobs").text
    assert "No worker is running" in manager.get("/admin/jobs").text
    assert "No jobs here" in manager.get("/admin/jobs?list=queued").text


def test_workers_are_shown_with_their_last_sign_of_life(manager, redis, task_queue):
    old, new = b"2020-01-01T00:00:00.000000Z", b"2999-01-01T00:00:00.000000Z"
    for name, state, heartbeat in (("a", "idle", old), ("b", "busy", old), ("c", "idle", new)):
        fields = {"state": state, "last_heartbeat": heartbeat, "hostname": f"host-{name}"}
        redis.hset(f"rq:worker:{name}", mapping=fields)
        redis.sadd(f"rq:workers:{task_queue.name}", f"rq:worker:{name}")
    redis.sadd(f"rq:workers:{task_queue.name}", "rq:worker:gone", b"\xff")
    found = jobs.overview()
    page = manager.get("/admin/jobs").text

    assert {worker.name for worker in found.workers} == {"a", "b", "c"}
    assert found.silent == {"a"}
    assert "host-a" in page
    assert "No worker is running" not in page


# The page of a job


def test_a_job_shows_all_but_its_secrets(app, manager, add_job, admin):
    token = tokens.make("reset", admin.id, "state", expires_in=60)
    job_id = add_job(
        trace=f"Traceback\nValueError: {HOSTILE} https://app.example/reset/{token}",
        meta={"request_id": "r" * 32, "progress": {"done": 3, "of": 8, "text": "Row 3"}},
        path="people.csv",
        api_key="sk-123456",
        link=f"https://app.example/reset/{token}",
        nested={"password": "hunter22", "text": HOSTILE},
    )
    page = manager.get(f"/admin/jobs/{job_id}").text

    for shown in ("drain_outbox", "people.csv", "r" * 32, "Row 3", "3 of 8", "ValueError"):
        assert shown in page
    for secret in (token, "sk-123456", "hunter22"):
        assert secret not in page
        assert secret not in manager.get("/admin/jobs").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "<progress" in page


def test_a_result_is_shown(manager, add_job):
    page = manager.get(f"/admin/jobs/{add_job(state='finished')}").text
    assert "&#34;sent&#34;: true" in page
    assert "/retry" not in page


def test_a_job_that_is_not_there_is_not_found(manager, redis):
    for job_id in ("x-1", "..", "%00", "%FF", "a b", "x" * 300, "rq:job"):
        assert manager.get(f"/admin/jobs/{job_id}").status_code in {404, 308}, job_id
    # An open page says that the job is gone instead of failing.
    live = manager.get("/admin/jobs/x-1", headers={"X-Live": "1"})
    assert live.status_code == 200
    assert "The job is gone" in live.text


def test_jobs_of_another_app_in_the_same_redis_are_not_shown(manager, redis):
    data = zlib.compress(json.dumps(["secret", None, [], {}]).encode())
    redis.hset("rq:job:other-1", mapping={"data": data, "origin": "theirs", "status": "failed"})
    assert manager.get("/admin/jobs/other-1").status_code == 404
    assert (
        manager.submit("/admin/jobs/other-1/delete", form_at="/account/manage").status_code == 302
    )
    assert redis.exists("rq:job:other-1")


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ({"password": "x"}, True),
        ({"new_password2": "x"}, True),
        ({"secret_key": "x"}, True),
        ({"Authorization": "x"}, True),
        ({"accessToken": "x"}, True),
        ({"key": "x"}, True),
        ({"author": "x", "keyboard": "x", "passenger": "x", "hotplate": "x"}, False),
        ("redis://:secret-word@localhost:6379/0", True),
        ("app.services.newsletters.send_the_weekly_newsletter_to_everybody", False),
        ("https://app.example/account/manage", False),
        ('login(password="hunter2")', True),
    ],
)
def test_secrets_are_recognised_by_their_name_or_their_form(value, hidden):
    assert (HIDDEN in json.dumps(redacted(value), ensure_ascii=False)) is hidden


# Unexpected data in Redis


BAD_JOBS = {
    "no data": {"origin": "{queue}"},
    "a pickle": {"data": b"\x80\x04cos\nsystem\n(S'true'\ntR.", "origin": "{queue}"},
    "a bomb": {"data": zlib.compress(b"[" * 50_000_000), "origin": "{queue}"},
    "not a call": {"data": b'{"a": 1}', "origin": "{queue}"},
    "times": {
        "data": b'["drain_outbox", null, [], {}]',
        "origin": "{queue}",
        "created_at": b"\xff",
        "started_at": b"-1",
        "ended_at": b"9999999999999",
        "timeout": b"1e999",
        "meta": b'{"tries": "x", "progress": {"done": NaN, "of": -5}, "request_id": [[]]}',
        "status": b"\x00<b>",
    },
    "names": {"data": json.dumps([HOSTILE, None, [], {HOSTILE: HOSTILE}]), "origin": "{queue}"},
    "odd arguments": {"data": b'["drain_outbox", null, {"a": 1}, [1, 2]]', "origin": "{queue}"},
    "progress": {
        "data": b'["drain_outbox", null, [], {}]',
        "origin": "{queue}",
        "meta": b'{"progress": {"done": true, "of": 0, "text": {"a": 1}}, "tries": 1e400}',
    },
}


@pytest.mark.parametrize("name", BAD_JOBS)
def test_an_invalid_job_breaks_no_page(manager, redis, task_queue, add_job, name):
    good = add_job()
    job_id = f"drain_outbox-{name.replace(' ', '-')}"
    fields = {
        key: value.replace("{queue}", task_queue.name) if isinstance(value, str) else value
        for key, value in BAD_JOBS[name].items()
    }
    redis.hset(f"rq:job:{job_id}", mapping=fields)
    redis.xadd(f"rq:results:{job_id}", {"exc_string": b"\xff%%", "return_value": "@@"})
    redis.zadd(f"rq:failed:{task_queue.name}", {job_id: 1})
    page = manager.get("/admin/jobs")
    one = manager.get(f"/admin/jobs/{job_id}")

    assert page.status_code == 200
    assert good in ids(page)
    assert one.status_code in {200, 404}
    assert "<script>alert" not in page.text + one.text
    assert manager.get("/admin/jobs?list=started").status_code == 200


def test_keys_of_the_wrong_kind_and_ids_of_any_bytes_break_no_page(
    manager, redis, task_queue, add_job
):
    good = add_job()
    name = task_queue.name
    for entry in (b"\xff\xfe", b"<script>alert(1)</script>", b"", b"x" * 5000, b"a/../b", b"a:b"):
        redis.zadd(f"rq:failed:{name}", {entry: 1})
    redis.set("rq:job:drain_outbox-text", "no hash")
    redis.zadd(f"rq:failed:{name}", {"drain_outbox-text": 1})
    for key in (f"rq:queue:{name}", f"rq:wip:{name}", f"rq:workers:{name}", f"rq:canceled:{name}"):
        redis.set(key, "of the wrong kind")
    page = manager.get("/admin/jobs")

    assert page.status_code == 200
    assert ids(page) == [good]
    assert "<script>alert" not in page.text
    for state in ("queued", "started", "canceled"):
        assert manager.get(f"/admin/jobs?list={state}").status_code == 200


def test_an_unreadable_job_can_be_deleted(manager, redis, task_queue, add_job):
    add_job()
    redis.zadd(f"rq:failed:{task_queue.name}", {b"\xff": 1, b"drain_outbox-expired": 1})
    manager.submit("/admin/jobs/delete-all?list=failed")

    assert redis.keys("rq:failed:*") == redis.keys("rq:job:*") == redis.keys("rq:results:*") == []


# Retry, cancel, delete


def test_a_failed_job_is_run_again_after_a_question(manager, add_job, task_queue):
    job_id = add_job(email_id=7)
    question = manager.get(f"/admin/jobs/{job_id}/retry").text
    assert "Run drain_outbox again?" in question
    assert job_id in question
    assert task_queue.count == 0

    manager.submit(f"/admin/jobs/{job_id}/retry")
    job = TaskJob.fetch(job_id, connection=task_queue.connection)
    assert task_queue.job_ids == [job_id]
    assert len(FailedJobRegistry(queue=task_queue)) == 0
    assert job.get_status() == "queued"
    assert job.kwargs == {"email_id": 7}
    assert job.started_at is None
    assert task_queue.connection.ttl(job.key) == -1


def test_two_retries_at_once_queue_a_job_once(app, add_job, task_queue, admin):
    job_id = add_job()
    answers = []

    # The threads race in Redis only, because they share one connection to the database.
    def retry():
        with app.app_context():
            answers.append(sum(job_actions.requeue(task_queue.name, [job_id.encode()])))

    threads = [threading.Thread(target=retry) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [0, 0, 0, 1]
    assert task_queue.job_ids == [job_id]
    with pytest.raises(jobs.JobGone):
        jobs.retry(job_id, by=admin)


def test_all_failed_jobs_of_a_task_are_run_again(manager, add_job, task_queue):
    mails = [add_job("drain_outbox") for _ in range(3)]
    sweep = add_job("sweep_outbox")
    question = manager.get("/admin/jobs/retry-all?task=drain_outbox").text
    assert "Run 3 failed jobs of drain_outbox again?" in question
    done = manager.submit("/admin/jobs/retry-all?task=drain_outbox", follow_redirects=True)

    assert "3 jobs are queued again." in done.text
    assert sorted(task_queue.job_ids) == sorted(mails)
    assert FailedJobRegistry(queue=task_queue).get_job_ids() == [sweep]


def test_a_long_deletion_continues_when_it_is_requested_again(
    manager, add_job, task_queue, monkeypatch
):
    monkeypatch.setattr(jobs, "BUDGET", -1)
    monkeypatch.setattr("app.kit.queue.job_actions.BATCH", 2)
    for _ in range(5):
        add_job()
    done = manager.submit("/admin/jobs/retry-all", follow_redirects=True)

    assert "2 jobs are queued again. Not all jobs fit in one request" in done.text
    assert task_queue.count == 2
    assert len(FailedJobRegistry(queue=task_queue)) == 3


def test_one_job_is_deleted_with_all_that_belongs_to_it(manager, add_job, redis):
    kept, job_id = add_job(), add_job()
    manager.submit(f"/admin/jobs/{job_id}/delete")

    assert not [key for key in redis.scan_iter() if job_id.encode() in key]
    assert ids(manager.get("/admin/jobs")) == [kept]


def test_a_job_that_runs_is_not_deleted(manager, add_job, redis):
    job_id = add_job(state="started")
    page = manager.submit(f"/admin/jobs/{job_id}/delete", follow_redirects=True)

    assert "The job is gone, or its state has changed" in page.text
    assert redis.exists(f"rq:job:{job_id}")


@pytest.mark.parametrize("state", ["failed", "queued", "finished", "scheduled", "canceled"])
def test_all_of_a_task_in_a_list_are_deleted(manager, add_job, redis, state):
    gone = [add_job("drain_outbox", state) for _ in range(3)]
    kept = [add_job("sweep_outbox", state) for _ in range(2)]
    manager.submit(f"/admin/jobs/delete-all?list={state}&task=drain_outbox")
    left = ids(manager.get(f"/admin/jobs?list={state}"))

    assert sorted(left) == sorted(kept)
    assert not any(redis.exists(f"rq:job:{job_id}") for job_id in gone)


def test_a_queue_is_emptied(manager, add_job, redis, task_queue):
    waiting = [add_job(state="queued") for _ in range(3)]
    failed = add_job()
    question = manager.get(f"/admin/jobs/empty-queue?queue={task_queue.name}").text
    assert f"Empty the queue {task_queue.name}?" in question
    assert "3 queued jobs will not run." in question
    manager.submit(f"/admin/jobs/empty-queue?queue={task_queue.name}")

    assert task_queue.count == 0
    assert not any(redis.exists(f"rq:job:{job_id}") for job_id in waiting)
    assert ids(manager.get("/admin/jobs")) == [failed]


def test_a_list_or_a_queue_has_to_be_named(manager, redis):
    for path in ("delete-all", "delete-all?list=started", "empty-queue", "empty-queue?queue=x"):
        assert manager.get(f"/admin/jobs/{path}").status_code == 404
        assert manager.submit(f"/admin/jobs/{path}", form_at="/account/manage").status_code == 404


def test_there_is_no_question_where_there_is_nothing_to_do(manager, redis):
    page = manager.get("/admin/jobs/delete-all?list=failed", follow_redirects=True)
    assert "No jobs match" in page.text


def test_a_job_that_waits_is_cancelled(manager, add_job, task_queue):
    job_id = add_job(state="queued")
    assert "Cancel drain_outbox?" in manager.get(f"/admin/jobs/{job_id}/cancel").text
    manager.submit(f"/admin/jobs/{job_id}/cancel")

    assert task_queue.count == 0
    assert ids(manager.get("/admin/jobs?list=canceled")) == [job_id]


def test_a_job_that_has_ended_is_not_cancelled(manager, add_job):
    page = manager.submit(f"/admin/jobs/{add_job()}/cancel", follow_redirects=True)
    assert "its state has changed" in page.text


def test_actions_need_a_token_and_a_post(manager, add_job, task_queue):
    job_id = add_job()
    for path in (f"{job_id}/retry", f"{job_id}/delete", "retry-all", "delete-all?list=failed"):
        manager.get(f"/admin/jobs/{path}")
        assert manager.post(f"/admin/jobs/{path}").status_code == 400
    assert ids(manager.get("/admin/jobs")) == [job_id]


# Live updates


def test_a_live_refresh_leaves_flashed_messages_for_the_next_page(manager, add_job):
    manager.submit(f"/admin/jobs/{add_job()}/delete")
    live = manager.get("/admin/jobs", headers={"X-Live": "1"})

    assert "The job is deleted." not in live.text
    assert 'data-live="list"' in live.text
    assert "The job is deleted." in manager.get("/admin/jobs").text


# Without Redis


@pytest.fixture(params=["refused", "frozen"])
def away(request, app, redis, redis_server, monkeypatch):
    if request.param == "refused":
        monkeypatch.setitem(app.config, "REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
        yield
    else:
        redis_server.freeze()
        yield
        redis_server.thaw()


def test_without_redis_the_page_says_what_the_database_knows(manager, away):
    page = manager.get("/admin/jobs")

    assert page.status_code == 200
    assert "Redis does not answer" in page.text
    assert "0 waiting" in page.text
    one = manager.get("/admin/jobs/drain_outbox-1")
    assert one.status_code == 200
    assert "Redis does not answer" in one.text


@pytest.mark.parametrize("away", ["refused"], indirect=True)
def test_without_redis_an_action_says_that_it_may_not_be_done(manager, away):
    for path in ("x-1/retry", "x-1/delete", "x-1/cancel", "retry-all", "delete-all?list=failed"):
        response = manager.submit(f"/admin/jobs/{path}", form_at="/account/manage")
        assert response.status_code == 302, path
    assert "this may not have been done" in manager.get("/account/manage").text


def test_an_app_without_redis_says_so(manager):
    assert "runs without Redis" in manager.get("/admin/jobs").text
    with pytest.raises(jobs.JobQueueAway):
        jobs.overview()


def test_a_search_looks_through_a_bounded_number_of_ids(add_job, monkeypatch, redis):
    monkeypatch.setattr(job_reader, "LONGEST_SCAN", 2)
    monkeypatch.setattr(job_reader, "CHUNK", 1)
    for _ in range(4):
        add_job()
    found = job_reader.find(job_reader.State.FAILED, search="nothing", limit=10)

    assert found.jobs == []
    assert found.is_capped


def test_several_queues_are_shown_as_one_list(
    app, manager, add_job, redis, task_queue, monkeypatch
):
    other = f"{task_queue.name}-other"
    monkeypatch.setitem(app.config, "RQ_QUEUES", [task_queue.name, other])
    older, newer = add_job(), add_job()
    redis.zadd(f"rq:failed:{task_queue.name}", {older: 1000})
    redis.zrem(f"rq:failed:{task_queue.name}", newer)
    redis.hset(f"rq:job:{newer}", "origin", other)
    redis.zadd(f"rq:failed:{other}", {newer: 2000})

    assert ids(manager.get("/admin/jobs")) == [newer, older]
    assert ids(manager.get(f"/admin/jobs?queue={other}")) == [newer]
    manager.submit("/admin/jobs/retry-all")
    assert redis.lrange(f"rq:queue:{other}", 0, -1) == [newer.encode()]


def test_deleting_many_jobs_asks_for_the_password_and_returns_to_the_same_page(
    app, manager, add_job, redis
):
    add_job()
    path = "/admin/jobs/delete-all?list=failed&task=drain_outbox"
    for session in UserSession.query:
        session.authenticated_at = now() - timedelta(days=1)
    db.session.commit()
    asked = manager.get(path)
    assert asked.status_code == 302
    assert asked.location.startswith("/account/reauthenticate")
    answered = manager.submit(asked.location, {"password": PASSWORD})

    assert answered.location == path
    assert "Delete 1 failed job of drain_outbox?" in manager.get(path).text
