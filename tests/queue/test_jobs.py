"""Jobs whose processes die, fail, time out, are cancelled or report their progress."""

import json
import os
import signal
import subprocess
import time

import pytest

from app.kit import queue
from app.kit.mail import outbox
from app.kit.queue import job_reader
from tests.queue.support import is_running, states, until

PROGRAM = "tests/queue/manage.py"
pytestmark = pytest.mark.usefixtures("example_tasks")
RECOVERY = 20  # seconds within which the job of a killed worker runs again


@pytest.fixture
def start(start_worker):
    """Return a function that starts a worker with the tasks of tests."""

    def start(*arguments, **variables):
        return start_worker(*arguments, program=PROGRAM, **variables)

    return start


@pytest.fixture
def file(tmp_path):
    return tmp_path / "done"


def lines(file):
    return [tuple(line.split()) for line in file.read_text().splitlines()] if file.exists() else []


def begun(file, count=1):
    """Return the processes that began the job, once there are `count`."""
    until(lambda: len(lines(file)) >= count, f"{count} runs have begun")
    return [int(pid) for _, pid in lines(file)]


def parents_of(pid):
    found = subprocess.run(
        ["ps", "-o", "ppid=", "-p", str(pid)], capture_output=True, text=True, check=True
    )
    return [int(parent) for parent in found.stdout.split()]


def release(file):
    file.with_name(f"{file.name}.release").touch()


def field(own_redis, job_id, name):
    return (own_redis.client.hget(f"rq:job:{job_id}", name) or b"").decode()


def status(own_redis, job_id):
    return field(own_redis, job_id, "status")


def ends_as(own_redis, job_id, wanted):
    until(lambda: status(own_redis, job_id) == wanted, f"the job is {wanted}")


def test_one_process_beside_the_worker_runs_job_after_job(web, start, file):
    worker = start()
    for _ in range(3):
        queue.enqueue("note", path=str(file))

    pids = set(begun(file, 3))
    assert len(pids) == 1
    assert pids == set(worker.children())
    assert worker.pid not in pids


@pytest.mark.slow
def test_a_process_started_by_command_runs_jobs_where_none_may_be_copied(
    web, start, file, own_redis
):
    worker = start(WORKER_IS_COPYING_SAFE="0")
    queue.enqueue("note", path=str(file))
    killed = queue.enqueue("hold", path=f"{file}2")
    (pid,) = begun(file)
    second = file.with_name("done2")
    begun(second)
    os.kill(pid, signal.SIGKILL)
    begun(second, 2)
    release(second)

    ends_as(own_redis, killed, "finished")
    worker.signal(signal.SIGTERM)
    assert worker.wait() == 0


@pytest.mark.timing
def test_a_job_whose_process_is_killed_runs_again_at_once(web, start, file, own_redis):
    worker = start()
    job_id = queue.enqueue("hold", path=str(file))
    (first,) = begun(file)
    at = time.monotonic()
    os.kill(first, signal.SIGKILL)
    second = begun(file, 2)[1]
    release(file)

    ends_as(own_redis, job_id, "finished")
    assert time.monotonic() - at < 5
    assert second != first
    assert json.loads(field(own_redis, job_id, "meta"))["tries"] == 2
    assert worker.process.poll() is None
    assert "was killed by signal 9" in worker.output


@pytest.mark.timing
@pytest.mark.parametrize("whole_tree", [True, False])
def test_a_job_whose_worker_is_killed_runs_again_within_20_seconds(
    web, start, file, own_redis, whole_tree
):
    worker = start()
    job_id = queue.enqueue("hold", path=str(file))
    (first,) = begun(file)
    at = time.monotonic()
    if whole_tree:
        os.kill(first, signal.SIGKILL)
    worker.process.kill()
    until(lambda: not is_running(first), "the process of the job ends with its worker", 2)
    start()
    begun(file, 2)
    assert time.monotonic() - at < RECOVERY
    release(file)

    ends_as(own_redis, job_id, "finished")
    assert [what for what, _ in lines(file)] == ["began", "began", "ended"]


@pytest.mark.slow
def test_a_worker_that_is_busy_brings_back_the_job_of_another(web, start, file, own_redis):
    other = file.with_name("other")
    first, second = start(), start()
    job_id = queue.enqueue("hold", path=str(file))
    queue.enqueue("hold", path=str(other))
    (killed,) = begun(file)
    begun(other)
    victim = first if killed in first.children() else second
    victim.end()

    # The job is at the front of the queue, for the next free worker.
    waiting = lambda: own_redis.client.lrange("rq:queue:test-default", 0, -1)  # noqa: E731
    until(lambda: job_id.encode() in waiting(), "the job is queued again")
    release(file)
    release(other)
    begun(file, 3)


@pytest.mark.slow
def test_a_job_that_its_worker_never_started_is_queued_again(web, start, file, own_redis):
    job_id = queue.enqueue("note", path=str(file))
    own_redis.client.lmove("rq:queue:test-default", "rq:queue:test-default:intermediate")
    start()
    begun(file)

    ends_as(own_redis, job_id, "finished")
    assert own_redis.client.llen("rq:queue:test-default:intermediate") == 0


def test_a_job_that_kills_its_process_each_time_fails_and_the_worker_goes_on(
    web, start, file, own_redis
):
    worker = start()
    job_id = queue.enqueue("die", path=str(file))
    ends_as(own_redis, job_id, "failed")
    assert len(lines(file)) == 4
    assert own_redis.client.zscore("rq:failed:test-default", job_id)

    queue.enqueue("note", path=str(file))
    begun(file, 5)
    assert worker.process.poll() is None


def test_a_job_that_fails_is_tried_again_after_a_while(web, start, file, own_redis):
    start()
    job_id = queue.enqueue("fail_once", path=str(file))
    ends_as(own_redis, job_id, "finished")

    assert len(lines(file)) == 2
    assert json.loads(field(own_redis, job_id, "meta"))["tries"] == 2


def test_a_job_without_retries_fails_and_leaves_its_traceback(web, start, file, own_redis):
    worker = start()
    job_id = queue.enqueue("fail", path=str(file))
    ends_as(own_redis, job_id, "failed")

    assert job_reader.fetch(job_id)[1].traceback.endswith("as it should\n")
    # A log shows the lines of a traceback below the record.
    until(lambda: "as it should" in worker.output, "the log tells of it")
    record = (
        f"job {job_id} failed: RuntimeError('as it should')\n  Traceback (most recent call last):\n"
    )
    assert record in worker.output


def test_a_job_that_does_not_notice_that_its_time_is_over_is_ended(web, start, file, own_redis):
    worker = start(WORKER_KILL_AFTER="1")
    job_id = queue.enqueue("ignore_everything", path=str(file))
    (pid,) = begun(file)
    ends_as(own_redis, job_id, "failed")

    assert not is_running(pid)
    assert worker.process.poll() is None
    assert "took longer than 1 seconds" in worker.output


def test_a_process_that_has_grown_is_replaced(web, start, file):
    start()
    queue.enqueue("grow", path=str(file))
    queue.enqueue("note", path=str(file))

    first, second = begun(file, 2)
    assert first != second
    until(lambda: not is_running(first), "the large one is gone")


def test_a_job_that_does_not_end_in_time_when_the_worker_stops_is_put_back(
    web, start, file, own_redis
):
    worker = start(WORKER_STOP_TIMEOUT="1")
    job_id = queue.enqueue("hold", path=str(file))
    begun(file)
    worker.signal(signal.SIGTERM)

    assert worker.wait() == 0
    assert status(own_redis, job_id) == "queued"
    assert field(own_redis, job_id, "retries_left") == "3"
    assert own_redis.client.lrange("rq:queue:test-default", 0, 0) == [job_id.encode()]


def test_a_job_tells_how_far_it_is_and_its_last_word_is_kept(web, start, file, own_redis):
    start()
    job_id = queue.enqueue("count_to_three", path=str(file))
    ends_as(own_redis, job_id, "finished")

    assert json.loads(field(own_redis, job_id, "meta"))["progress"] == {
        "done": 3,
        "of": 3,
        "text": "row 3",
    }
    assert lines(file)[0][0] == job_id


def test_progress_outside_of_a_job_is_of_no_consequence(web):
    queue.report_progress(1, 2)
    assert queue.current_job_id() is None


def test_a_job_that_waits_is_cancelled_and_never_runs(web, start, file, own_redis):
    job_id = queue.enqueue("note", path=str(file))
    assert queue.request_cancel(job_id)
    assert not queue.request_cancel(job_id)
    queue.enqueue("note", path=str(file), text="other")
    start()
    begun(file)

    assert [what for what, _ in lines(file)] == ["other"]
    assert status(own_redis, job_id) == "canceled"
    assert own_redis.client.zscore("rq:canceled:test-default", job_id)


def test_a_job_that_runs_learns_that_it_is_cancelled(web, start, file, own_redis):
    worker = start()
    job_id = queue.enqueue("count", path=str(file))
    (pid,) = begun(file)
    until(lambda: "progress" in field(own_redis, job_id, "meta"), "it tells how far it is")
    assert queue.request_cancel(job_id)
    ends_as(own_redis, job_id, "canceled")

    assert own_redis.client.zscore("rq:canceled:test-default", job_id)
    assert not own_redis.client.exists(f"test:cancel:{job_id}")
    assert worker.children() == [pid]
    assert "Traceback" not in worker.output


def test_a_job_that_does_not_listen_is_ended_when_cancelled(web, start, file, own_redis):
    worker = start(WORKER_CANCEL_PATIENCE="1")
    job_id = queue.enqueue("hold", path=str(file))
    (pid,) = begun(file)
    assert queue.request_cancel(job_id)
    ends_as(own_redis, job_id, "canceled")

    assert not is_running(pid)
    assert worker.process.poll() is None
    running = own_redis.client.zrange("rq:wip:test-default", 0, -1)
    assert not [run for run in running if run.startswith(job_id.encode())]


def test_a_missing_or_ended_job_cannot_be_cancelled(web, start, file, own_redis):
    start()
    job_id = queue.enqueue("note", path=str(file))
    ends_as(own_redis, job_id, "finished")

    assert not queue.request_cancel(job_id)
    assert not queue.request_cancel("note-0123")
    assert not queue.request_cancel("*")


@pytest.mark.slow
def test_several_workers_are_kept_running_and_end_together(web, start, file):
    pool = start("--workers", "2")
    pool.wait_for_line("waits for tasks", 2)
    first, second = pool.children()
    os.kill(first, signal.SIGKILL)
    pool.wait_for_line("waits for tasks", 3)
    assert second in pool.children()
    queue.enqueue("note", path=str(file))
    begun(file)
    pool.signal(signal.SIGTERM)

    assert pool.wait() == 0
    assert pool.output.count("The worker has ended.") == 2
    assert not is_running(second)


@pytest.mark.timing
def test_a_worker_finishes_its_job_after_others_have_ended(web, start, tmp_path):
    """F8: a second signal would make the worker abandon its job, so it gets only one."""
    pool = start("--workers", "2")
    pool.wait_for_line("waits for tasks", 2)
    first = min(pool.children())
    files = [tmp_path / "a", tmp_path / "b"]
    for path in files:
        queue.enqueue("hold", path=str(path))
    quick, slow = sorted(files, key=lambda path: first not in parents_of(begun(path)[0]))
    pool.signal(signal.SIGTERM)
    time.sleep(1.2)  # RQ takes an earlier signal for the same request.
    release(quick)
    until(lambda: not is_running(first), "the one has ended")
    time.sleep(0.5)
    release(slow)

    assert pool.wait() == 0
    assert [what for what, _ in lines(slow)] == ["began", "ended"]


def test_workers_end_when_who_keeps_them_running_is_killed(web, start):
    pool = start("--workers", "2")
    pool.wait_for_line("waits for tasks", 2)
    children = pool.children()
    pool.process.kill()

    until(lambda: not any(map(is_running, children)), "no worker is left behind")


def test_a_job_goes_on_when_redis_is_emptied_meanwhile(web, start, file, own_redis):
    start()
    queue.enqueue("hold", path=str(file))
    (pid,) = begun(file)
    own_redis.client.flushall()
    # The worker finds that its lease is gone, but no other worker can get it.
    until(lambda: own_redis.client.keys("rq:worker:*"), "the worker tells that it is alive")
    release(file)
    begun(file, 2)

    assert lines(file) == [("began", str(pid)), ("ended", str(pid))]


@pytest.mark.slow
def test_a_job_that_another_worker_has_taken_over_is_ended(web, start, file, own_redis):
    worker = start()
    job_id = queue.enqueue("hold", path=str(file))
    (pid,) = begun(file)
    # Pretend that this worker sent no heartbeat for the length of its lease.
    own_redis.client.delete("rq:wip:test-default")
    worker.wait_for_line(f"job {job_id} is run by another worker")

    assert not is_running(pid)
    assert [what for what, _ in lines(file)] == ["began"]


def test_a_worker_is_known_again_after_redis_was_emptied(web, start, own_redis):
    start()
    own_redis.client.flushall()

    until(lambda: own_redis.client.smembers("rq:workers:test-default"), "it registers itself again")


def test_one_of_all_workers_queues_a_recurring_task(web, start, own_redis):
    workers = [start(), start()]
    until(lambda: any("clean_up done" in one.output for one in workers), "it was cleaned up")
    queue.enqueue("sweep_outbox", unique_key="sweep_outbox")
    until(lambda: not own_redis.client.llen("rq:queue:test-default"), "nothing else waits")

    assert sum(one.output.count("task clean_up done") for one in workers) == 1
    assert len(list(own_redis.client.scan_iter("test:recurring:clean_up:*"))) == 1


def test_mail_of_several_jobs_goes_over_one_connection(web, start, smtp, make_mails):
    start()
    for row in make_mails(5):
        outbox.commit_and_notify(row)
    smtp.wait_for(5)

    assert smtp.connections == 1


@pytest.mark.timing
def test_a_mail_whose_process_is_killed_is_taken_up_again_by_its_job(web, start, smtp, make_mails):
    worker = start()
    smtp.script.append("hold")
    outbox.commit_and_notify(*make_mails(1))
    smtp.wait_until_holding()
    (pid,) = worker.children()
    at = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    smtp.release.set()

    until(lambda: states(web) == ["sent"], "the mail is sent again")
    assert time.monotonic() - at < RECOVERY
    assert len({mail["Message-ID"] for mail in smtp.mails}) == 1


def test_without_redis_mail_is_sent_from_the_database(web, own_redis, run, smtp, make_mails):
    own_redis.stop()
    web.config["REDIS_URL"] = ""
    outbox.commit_and_notify(*make_mails(3))
    worker = run("run_worker", "--no-redis")
    smtp.wait_for(3)
    outbox.commit_and_notify(*make_mails(1))
    smtp.wait_for(4)
    worker.signal(signal.SIGTERM)

    assert worker.wait() == 0
    assert "Redis" not in worker.output


def test_without_redis_a_mail_server_that_dawdles_does_not_outlast_the_claim(
    web, own_redis, run, make_mails, make_mail_server
):
    own_redis.stop()
    web.config["REDIS_URL"] = ""
    outbox.commit_and_notify(*make_mails(1))
    slow = make_mail_server()
    slow.script.append("stall")
    variables = {"MAIL_PORT": str(slow.port), "MAIL_TIMEOUT": "60", "LEASES_TIMEOUT": "1"}
    worker = run("run_worker", "--no-redis", program=PROGRAM, **variables)

    worker.wait_for_line("pending, attempt 1: Task exceeded maximum timeout")


def test_a_burst_without_redis_ends_when_the_outbox_is_empty(web, own_redis, run, smtp, make_mails):
    own_redis.stop()
    web.config["REDIS_URL"] = ""
    outbox.commit_and_notify(*make_mails(2))
    worker = run("run_worker", "--no-redis", "--burst")

    assert worker.wait() == 0
    assert len(smtp.mails) == 2
