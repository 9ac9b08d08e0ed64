"""Move jobs from the queue of a former name to the queue of this application.

Each batch is one atomic script, so a worker finds a job on either queue and never on both. Both
functions raise RedisError if Redis does not answer.
"""

from __future__ import annotations

from flask import current_app

from app.kit.queue.connections import connection
from app.kit.queue.job_reader import KEYS, State

BATCH = 500  # jobs per script, which blocks Redis for some milliseconds
MOVED = (State.QUEUED, State.SCHEDULED, State.FAILED)

# KEYS: the jobs on the former queue, those on the present one, the names of queues. ARGV: how many
# to move, the present queue. A job knows its queue, where a retry would put it.
_MOVE = """
local is_list = redis.call('TYPE', KEYS[1]).ok == 'list'
local moved = 0
for i = 1, tonumber(ARGV[1]) do
  local id, time
  if is_list then
    id = redis.call('LPOP', KEYS[1])
  else
    local found = redis.call('ZPOPMIN', KEYS[1])
    id, time = found[1], found[2]
  end
  if not id then break end
  if redis.call('TYPE', 'rq:job:' .. id).ok == 'hash' then
    redis.call('HSET', 'rq:job:' .. id, 'origin', ARGV[2])
    if is_list then
      redis.call('RPUSH', KEYS[2], id)
    else
      redis.call('ZADD', KEYS[2], time, id)
    end
    moved = moved + 1
  end
end
if moved > 0 then redis.call('SADD', KEYS[3], 'rq:queue:' .. ARGV[2]) end
return {moved, redis.call('EXISTS', KEYS[1])}
"""


def waiting(prefix: str) -> int:
    """Return the number of jobs that wait or have failed under the prefix of a former name."""
    with connection() as redis:
        keys = {state: KEYS[state].format(f"{prefix}-default") for state in MOVED}
        sets = sum(int(redis.zcard(keys[state])) for state in (State.SCHEDULED, State.FAILED))
        return int(redis.llen(keys[State.QUEUED])) + sets


def move(prefix: str) -> int:
    """Move the jobs under a former prefix to this application's queue, and return their number.

    Running jobs end where they are. Moving twice, or two at once, does no harm.
    """
    queue = current_app.config["RQ_QUEUES"][0]
    if queue == f"{prefix}-default":
        return 0
    total = 0
    with connection() as redis:
        script = redis.register_script(_MOVE)
        for state in MOVED:
            keys = [KEYS[state].format(name) for name in (f"{prefix}-default", queue)]
            rest = True
            while rest:
                moved, rest = script(keys=[*keys, "rq:queues"], args=[BATCH, queue])
                total += int(moved)
    return total
