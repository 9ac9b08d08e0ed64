"""The jobs and queues that RQ is made to use: registered names, and JSON."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable
from typing import Any

from flask import g
from flask_rq2.job import FlaskJob
from redis import Redis
from redis.exceptions import RedisError, ResponseError
from rq import Queue
from rq.exceptions import NoSuchJobError
from rq.serializers import JSONSerializer

from app.queue.registry import UnknownTask, find_task

logger = logging.getLogger(__name__)

REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")


class TaskJob(FlaskJob):
    """A job that can name a registered task and nothing else, neither a function nor a callback."""

    @classmethod
    def fetch(
        cls,
        id: str,  # noqa: A002 - RQ's name
        connection: Redis | None = None,
        serializer: Any = None,
    ) -> TaskJob:
        try:
            job: TaskJob = super().fetch(id, connection, serializer or JSONSerializer)
        except NoSuchJobError:
            raise
        except Exception as error:
            if isinstance(error, RedisError) and not isinstance(error, ResponseError):
                raise
            # Left to fly, it would end the worker, and the next one at its first clean-up.
            logger.error("job %s is not readable and is dropped: %r", ascii(id)[:100], error)
            raise NoSuchJobError(id) from None
        return job

    def restore(self, raw_data: Any) -> None:
        super().restore(raw_data)
        self._success_callback_name = None
        self._failure_callback_name = None
        self._stopped_callback_name = None
        self.webhooks: list[Any] = []

    @property
    def func(self) -> Callable[..., Any]:
        found = find_task(self.func_name)
        if self.instance is not None or self.args:
            raise UnknownTask(f"a job for {found.name} with more than named arguments")
        return found.function

    @property
    def func_name(self) -> str:
        return str(super().func_name)

    def _execute(self) -> Any:
        found = find_task(self.func_name)
        request_id = self.meta.get("request_id") if isinstance(self.meta, dict) else None
        if isinstance(request_id, str) and REQUEST_ID.fullmatch(request_id):
            g.request_id = request_id
        started = time.monotonic()
        result = super()._execute()
        if not found.quiet:
            logger.info("task %s done in %.0f ms", found.name, (time.monotonic() - started) * 1000)
        return result


class TaskQueue(Queue):
    """A queue of TaskJobs, in JSON."""

    job_class = TaskJob

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.update(serializer=JSONSerializer, job_class=TaskJob)
        super().__init__(*args, **kwargs)
