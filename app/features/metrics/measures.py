"""Declare the metrics, with the names that the dashboard and the alert rules use."""

from dataclasses import dataclass

# The upper bounds of the buckets of times, in seconds.
BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Measure:
    """A metric: its name without the suffixes of its kind, its description, and its labels."""

    name: str
    text: str
    labels: tuple[str, ...] = ()


REQUESTS = Measure(
    "app_requests", "Answered requests. The route of an unknown path is empty.", ("route", "status")
)
REQUEST_SECONDS = Measure(
    "app_request_seconds", "Seconds from a request to its answer.", ("route",)
)
SHED = Measure("app_requests_shed", "Requests that were refused because too many waited.")
QUERIES = Measure("app_queries", "Database queries of requests.", ("route",))
QUERY_SECONDS = Measure(
    "app_query_seconds", "Seconds that requests waited for the database.", ("route",)
)
RUNS = Measure("app_job_runs", "Runs of jobs: done, failed or cancelled.", ("task", "outcome"))
RUN_SECONDS = Measure("app_job_run_seconds", "Seconds that jobs ran.", ("task",))
EVENTS = Measure("app_events", "Events of the audit trail, such as sign-ins.", ("action",))

COUNTERS = (REQUESTS, SHED, QUERIES, QUERY_SECONDS, RUNS, RUN_SECONDS, EVENTS)
HISTOGRAMS = (REQUEST_SECONDS,)

DATABASE = Measure("app_database_up", "1 if the database answers, else 0.")
REDIS = Measure("app_redis_up", "1 if Redis answers, else 0.")
WORKERS = Measure("app_workers", "Workers that are heard from.")
JOBS = Measure("app_jobs", "Jobs in each list of a queue.", ("queue", "state"))
JOB_AGE = Measure(
    "app_queue_age_seconds", "Age of the job that has waited longest, or 0.", ("queue",)
)
MAILS = Measure(
    "app_mails", "Mails that are not sent, came back, or were reported as spam.", ("state",)
)
MAIL_AGE = Measure("app_mail_age_seconds", "Age of the mail that has waited longest, or 0.")
MAILS_OF_OPERATOR = Measure(
    "app_mails_waiting_for_operator", "Mails that wait until an operator fixes a setting."
)
SUPPRESSED = Measure("app_suppressed_addresses", "Addresses that get no mail.")

OF_MAIL = (MAILS, MAIL_AGE, MAILS_OF_OPERATOR, SUPPRESSED)
GAUGES = (DATABASE, REDIS, WORKERS, JOBS, JOB_AGE, *OF_MAIL)


def exposed_names() -> set[str]:
    """Return the names of all series at /metrics."""
    counters = {f"{counter.name}_total" for counter in COUNTERS}
    suffixes = ("_bucket", "_count", "_sum")
    histograms = {histogram.name + suffix for histogram in HISTOGRAMS for suffix in suffixes}
    return counters | histograms | {gauge.name for gauge in GAUGES}
