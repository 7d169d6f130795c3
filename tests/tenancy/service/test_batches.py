"""`tests/service/test_batches.py` under a tenant."""

from tests.tenancy.service.twins import twin

ELSEWHERE = {
    "test_a_batch_of_which_nothing_was_written_raises_what_stopped_it": (
        "writes to a table that is not there, of which a judge cannot know whose keys it has"
    ),
}

globals().update(twin("test_batches", elsewhere=ELSEWHERE))
