"""Wrap Flask-RQ2, which no other module imports. docs/decisions/0004 names its successor."""

from __future__ import annotations

import flask_rq2
from flask import Flask
from flask_rq2.job import FlaskJob
from redis import Redis
from rq import Queue

from app.kit.queue.connections import ENQUEUE_TIMEOUT, connect

__all__ = ["Extension", "FlaskJob", "bind"]


class EnqueueConnection:
    """Creates the connection of an app, with a short timeout."""

    @staticmethod
    def from_url(url: str) -> Redis:
        return connect(url, ENQUEUE_TIMEOUT)


class Extension(flask_rq2.RQ):
    """The queue and the connection of one app."""

    def init_cli(self, app: Flask) -> None:
        """Add no commands, because Flask-RQ2's worker command would read pickles."""

    def queue(self) -> Queue:
        """Return the only queue."""
        return self.get_queue(self.queues[0])

    def drop_connection(self) -> None:
        """Drop the connection in a process that has just been forked."""
        self._connection = None
        self._queue_instances: dict[str, Queue] = {}


def bind(app: Flask) -> Extension:
    """Return a new queue for `app`. Apps cannot share one: it keeps its first connection."""
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
