"""Functions that are killed and outages: every record of the stream is there once.

MiniStack 1.5.33 delivers again, perhaps with more records, when a function dies, fails or takes too
long, without end; but it goes on when the function answers which records failed. Lambda would
deliver them again, and at last leave them in the bucket of the lake; here the tests leave them."""

import json
import os
import random
import signal
import time

from events import Events, check
from stack import LEFTOVERS, ROOT, STREAM, wait_until

KILLS = 20
RECORDS_AT_ONCE = 30


def finish(stack, event="schedule"):
    """What finish-streams answers."""
    sample = json.loads((ROOT / "events" / "finish-streams" / f"{event}.json").read_text())
    error, answer = stack.answer(sample, LEFTOVERS)
    assert error is None, answer
    return answer


def test_functions_that_are_killed_load_every_record_once(stack, sql):
    seed = int(os.environ.get("ALLUVIUM_SEED") or random.randrange(1 << 32))
    print(f"ALLUVIUM_SEED={seed}")
    chance = random.Random(seed)
    events = Events("torrent", "trickle")
    kills, struck, sent = 0, 0, 0
    # A file's message is lost to a kill until it comes back, and each kill counts as a try.
    with stack.redelivering(seconds=4, receives=1_000):
        while kills < KILLS:
            if not stack.records_waiting():
                stack.put_records([events.record(sent + n) for n in range(RECORDS_AT_ONCE)])
                stack.drop(f"torrent/{sent}.json", events.file("torrent", 3))
                sent += RECORDS_AT_ONCE
            time.sleep(chance.random() * 0.3)
            victims = stack.processes()
            for victim in victims if chance.random() < 0.3 else victims[:1]:
                os.kill(victim, signal.SIGKILL)
                kills += 1
            struck += any(known["pending"] for known in stack.watermarks().values())
        # What was tried often in vain is left to the schedule.
        wait_until(lambda: stack.waiting() == 0 and finish(stack)["pending"] == 0
                   and stack.records_waiting() == 0, 90,
                   lambda: f"{stack.waiting()} messages and {stack.records_waiting()} records wait",
                   every=1)
    print(f"{kills} kills, {struck} times while records were being loaded, {sent} records")
    assert struck > 0
    check(stack, sql, events)


def fail(stack, records):
    """Sends records, each shard's as one batch, and waits until the function has failed with all."""
    failed = stack.total("failed", STREAM)
    with stack.paused():
        stack.put_records(records)
        batches = sum(1 for _ in places(stack, records))
    wait_until(lambda: stack.total("failed", STREAM) == failed + batches, 30,
               lambda: f"{stack.total('failed', STREAM) - failed} of {batches} batches failed")


def places(stack, sent):
    """Of each shard that has some of what was sent: all that it holds, and where that is in it."""
    data = {data for _, data in sent}
    for shard, records in stack.shards().items():
        found = [n for n, record in enumerate(records) if record["Data"] in data]
        if found:
            yield shard, records, found[0], found[-1] + 1


def give_up(stack, sent, more=0):
    """Leaves what was sent as given up, with as many of the next records of each shard."""
    for shard, records, first, end in places(stack, sent):
        stack.give_up(shard, records[first : end + more])


def test_what_a_mapping_gave_up_is_loaded_once(stack, sql):
    events = Events("flood", "ebb")
    stack.wait_for_records()
    untaken = [events.record(number) for number in range(12)]
    taken = [events.record(number) for number in range(12, 24)]
    later = [events.record(number) for number in range(24, 60)]
    with stack.denying("IngestStreamRole", "s3:PutObject", "_alluvium/streams/*"):
        fail(stack, untaken)
    with stack.denying("IngestStreamRole", "s3:PutObject", "_alluvium/ledger/*"):
        fail(stack, taken)
    # The shards go on, past what was not taken.
    stack.put_records(later)
    stack.wait_for_records()
    give_up(stack, untaken, more=2)
    give_up(stack, taken)
    give_up(stack, later)
    answer = finish(stack)
    assert (answer["taken"], answer["pending"], answer["failed"], answer["given_up"]) == (12, 0, 0, 0)
    assert stack.given_up() == []
    check(stack, sql, events)
    # The same again: Lambda may leave something twice.
    give_up(stack, untaken + taken)
    assert finish(stack, "retry-failed")["taken"] == 0
    check(stack, sql, events)


def test_the_schedule_ends_what_was_left(stack, sql):
    events = Events("tide", "pool")
    stack.wait_for_records()
    with stack.denying("IngestStreamRole", "s3:PutObject", "_alluvium/ledger/*"):
        fail(stack, events.records(12))
    assert stack.records_waiting() > 0
    schedule = stack.scheduler.get_schedule(Name=stack.resource("FinishStreamsTimer"))
    kept = {name: schedule[name] for name in ("Name", "FlexibleTimeWindow", "Target")}
    change = lambda rate: stack.scheduler.update_schedule(ScheduleExpression=rate, **kept)
    change("rate(1 minute)")
    try:
        stack.wait_for_records(seconds=120)
    finally:
        change(schedule["ScheduleExpression"])
    check(stack, sql, events)
