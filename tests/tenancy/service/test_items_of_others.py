"""`tests/service/test_items_of_others.py` under a tenant."""

from tests.tenancy.service.twins import twin

TOLD = {
    # The keys of tenants are never raw.
    "OWNER#a b": "OWNER#a$20b",
    "ENTRY#7": "ENTRY#p5007",
    # There are no scans in a scope.
    "    assert await Entry.scan().all() == [entry]\n": "",
}

globals().update(twin("test_items_of_others", TOLD))
