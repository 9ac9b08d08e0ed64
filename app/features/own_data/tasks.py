"""Collect the data of users in the background, and forget old archives at night."""

from app.features.own_data import exports
from app.kit import clean_up, queue

clean_up.nightly("own data", exports.purge)


@queue.task(timeout=15 * 60)
def collect_own_data(user_id: int) -> bool:
    """Collect the data of a user, and tell whether a mail was written."""
    return exports.collect(user_id)
