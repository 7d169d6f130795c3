"""`tests/service/test_queries.py` under a tenant."""

from tests.tenancy.service.twins import twin

# There are no scans in a scope.
TOLD = {
    "        Source(Book.scan(), live, None, False),\n": "",
    "        Source(Book.by_genre.scan().filter(Book.rank != 2), "
    "[b for b in live if b.genre and b.rank != 2], None, False),\n": "",
    ", Book.scan()):\n": "):\n",
    "        assert await Job.by_due.scan().count() == 6\n": "",
    "        lambda: Book.scan(),\n": "",
    "        lambda: Book.scan(segments=2),\n": "",
    ", Member.by_email.scan()):\n": "):\n",
}

globals().update(twin("test_queries", TOLD))
