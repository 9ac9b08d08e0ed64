"""Measure the page of the queues with 100,000 failed jobs and 50 workers."""

import base64
import json
import statistics
import time
import uuid
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from redis import Redis

from benchmarks.clients import Browser
from benchmarks.results import Result
from benchmarks.seeding import ADMINISTRATOR
from benchmarks.stand import Stand
from settings import product

PATH = "/admin/jobs"
WORKERS = 50
BAR = 0.3  # seconds
QUEUE = f"{product.slug(product.name())}-default"
TASKS = ("drain_outbox", "sweep_outbox")
TRACEBACK = "Traceback (most recent call last):\n" + '  File "app/tasks.py", line 1, in x\n' * 30


def jobs_page(stand: Stand) -> Iterator[Result]:
    """Time the page for an administrator, and the actions on all jobs at once."""
    failed_jobs = stand.sizes.failed_jobs
    asked = {
        PATH: "",
        "… of one task": "?task=sweep_outbox",
        "… the last page": f"?page={failed_jobs // 50}",
        "… searched, no match": "?search=nothing",
        "… of a task without any": "?task=nothing",
    }
    redis_url = stand.redis()
    with Redis.from_url(redis_url) as redis:
        _fill(redis, failed_jobs)
        port = stand.kit(stand.database(stand.sizes.few_people).url, redis_url=redis_url)
        browser = stand.browser(port, ADMINISTRATOR)
        for subject, query in asked.items():
            seconds = [browser.seconds(PATH + query) for _ in range(stand.sizes.requests)]
            usual, most = statistics.median(seconds), max(seconds)
            measure = f"{usual * 1000:.0f} ms, {most * 1000:.0f} ms at most"
            yield Result(subject, measure, bar=f"≤ {BAR * 1000:.0f} ms", met=usual <= BAR)

        def failed() -> int:
            return int(redis.zcard(f"rq:failed:{QUEUE}"))

        def queued() -> int:
            return int(redis.llen(f"rq:queue:{QUEUE}"))

        yield _do_all(browser, "Retry all failed", "retry-all", failed)
        yield _do_all(browser, "Delete all queued", "delete-all?list=queued", queued)


def _do_all(browser: Browser, subject: str, path: str, remaining: Callable[[], int]) -> Result:
    jobs, taken = remaining(), []
    while remaining():
        token = browser.csrf_token(f"{PATH}/{path}")
        taken.append(browser.seconds(f"{PATH}/{path}", {"csrf_token": token}))
    count = f"{len(taken)} request{'' if len(taken) == 1 else 's'}"
    return Result(subject, f"{jobs:,} jobs in {sum(taken):.1f} s, {count}")


def _fill(redis: Redis, failed_jobs: int) -> None:
    trace = base64.b64encode(zlib.compress(TRACEBACK.encode()))
    started, now = time.time(), datetime.now(UTC)
    pipeline = redis.pipeline(transaction=False)
    for number in range(failed_jobs):
        task = TASKS[number % len(TASKS)]
        job_id = f"{task}-{uuid.uuid4().hex}"
        at = (now - timedelta(seconds=number)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        call = zlib.compress(json.dumps([task, None, [], {"number": number}]).encode())
        times = dict.fromkeys(("created_at", "enqueued_at", "started_at", "ended_at"), at)
        fields = {"data": call, "status": "failed", "origin": QUEUE, "timeout": 180, **times}
        pipeline.hset(f"rq:job:{job_id}", mapping=fields)
        pipeline.xadd(f"rq:results:{job_id}", {"type": 2, "exc_string": trace})
        pipeline.zadd(f"rq:failed:{QUEUE}", {job_id: started - number + 30 * 24 * 3600})
        if number % 5000 == 0:
            pipeline.execute()
    for number in range(WORKERS):
        key = f"rq:worker:{uuid.uuid4().hex}"
        at = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        fields = {"state": "idle", "last_heartbeat": at, "birth": at, "pid": number}
        pipeline.hset(key, mapping=fields)
        pipeline.sadd(f"rq:workers:{QUEUE}", key)
    pipeline.execute()
