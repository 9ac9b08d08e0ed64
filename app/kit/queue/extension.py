"""Flask-RQ2. No other file knows it; docs/decisions/0004 says what takes its place."""

from __future__ import annotations

import flask_rq2
from flask import Flask
from flask_rq2.job import FlaskJob
from redis import Redis
from rq import Queue

from app.kit.queue.connections import ENQUEUE_TIMEOUT, connect

__all__ = ["Extension", "FlaskJob", "bind"]


class EnqueueConnection:
    """Makes the connection of an app: one that gives up at once."""

    @staticmethod
    def from_url(url: str) -> Redis:
        return connect(url, ENQUEUE_TIMEOUT)


class Extension(flask_rq2.RQ):
    """The queue of one app, and its connection."""

    def init_cli(self, app: Flask) -> None:
        """Add no commands: those of Flask-RQ2 would start a worker that reads pickles."""

    def queue(self) -> Queue:
        """Return the only queue."""
        return self.get_queue(self.queues[0])

    def drop_connection(self) -> None:
        """Forget the connection, as a process that has just been forked must."""
        self._connection = None
        self._queue_instances: dict[str, Queue] = {}


def bind(app: Flask) -> Extension:
    """Return the queue of `app`. Apps share none: it keeps its first connection for good."""
    app.config.update(
        RQ_REDIS_URL=app.config["REDIS_URL"],
        RQ_CONNECTION_CLASS="app.kit.queue.extension.EnqueueConnection",
        RQ_QUEUES=[f"{app.config['QUEUE_PREFIX']}-default"],
        RQ_QUEUE_CLASS="app.kit.queue.jobs.TaskQueue",
        RQ_JOB_CLASS="app.kit.queue.jobs.TaskJob",
        RQ_WORKER_CLASS="app.kit.queue.worker.TaskWorker",
    )
    extension = Extension()
    extension.init_app(app)
    return extension
