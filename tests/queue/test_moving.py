"""Jobs that wait under a former name of the product move to its present queue."""

from concurrent.futures import ThreadPoolExecutor

from flask import Flask
from redis import Redis
from rq import Queue

from app.kit.queue import moving

FORMER, NOW = "former-default", "now-default"
JOBS = 1_200  # more than two batches


def fill(redis: Redis) -> None:
    with redis.pipeline() as pipeline:
        for number in range(JOBS):
            pipeline.hset(f"rq:job:q{number}", mapping={"origin": FORMER, "status": "queued"})
            pipeline.rpush(f"rq:queue:{FORMER}", f"q{number}")
        for name in ("scheduled", "failed"):
            pipeline.hset(f"rq:job:{name}", mapping={"origin": FORMER, "status": name})
            pipeline.zadd(f"rq:{name}:{FORMER}", {name: 2_000_000_000})
        pipeline.rpush(f"rq:queue:{FORMER}", "vanished")
        pipeline.execute()


def test_jobs_keep_their_order_and_times(own_app: Flask, own_redis) -> None:
    own_app.config |= {"REDIS_URL": own_redis.url, "RQ_QUEUES": [NOW], "QUEUE_PREFIX": "now"}
    with Redis.from_url(own_redis.url) as redis:
        fill(redis)
        with own_app.app_context():
            assert moving.waiting("former") == JOBS + 3
            assert moving.move("now") == 0, "nothing moves onto itself"

        def move(_number: int) -> int:
            with own_app.app_context():
                return moving.move("former")

        with ThreadPoolExecutor(2) as two:
            assert sum(two.map(move, range(2))) == JOBS + 2
        ids = [one.decode() for one in redis.lrange(f"rq:queue:{NOW}", 0, -1)]
        assert sorted(ids) == sorted(f"q{number}" for number in range(JOBS))
        assert [one.name for one in Queue.all(connection=redis)] == [NOW]
        assert {redis.hget(f"rq:job:{one}", "origin") for one in (*ids, "failed")} == {NOW.encode()}
        for name in ("scheduled", "failed"):
            assert redis.zscore(f"rq:{name}:{NOW}", name) == 2_000_000_000
        assert not list(redis.scan_iter(f"*{FORMER}"))


def test_without_redis_the_command_says_so(own_app: Flask) -> None:
    own_app.config["REDIS_URL"] = "redis://127.0.0.1:1/0"
    failed = own_app.test_cli_runner().invoke(args=["move_jobs", "Former Name"])
    assert failed.exit_code == 1
    assert "Redis does not answer" in failed.output
