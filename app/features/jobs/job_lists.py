"""Names of the lists of jobs, and the filters that a query string selects.

Invalid filters are ignored, and a notice is added for each of them.
"""

import re

from app.features.jobs import jobs as jobs_service
from app.kit.queue.job_reader import State
from app.kit.web.list_params import asked_for

TASK_NAME = re.compile(r"\w{1,100}")
AWAY = "Redis does not answer, so this may not have been done. Try again when it is back."

# The labels of the lists, the most important first.
LISTS = {
    State.FAILED: "Failed",
    State.STARTED: "Running",
    State.QUEUED: "Queued",
    State.SCHEDULED: "Scheduled",
    State.FINISHED: "Finished",
    State.CANCELED: "Cancelled",
}


def state_of_list(notices: list[str]) -> State | None:
    given = asked_for(
        "list",
        lambda state: state in set(State),
        notices,
        "“{}” is no list of jobs, so those that failed are shown.",
    )
    return State(given) if given else None


def queue_name(notices: list[str]) -> str:
    return asked_for(
        "queue",
        lambda queue: queue in jobs_service.queue_names(),
        notices,
        "There is no queue “{}”, so every queue is shown.",
    )


def task_name(notices: list[str]) -> str:
    return asked_for(
        "task",
        lambda task: bool(TASK_NAME.fullmatch(task)),
        notices,
        "“{}” is no task, so every task is shown.",
    )
