"""`tests/service/test_leftovers.py` under a tenant."""

from tests.tenancy.service.twins import twin

TOLD = {
    "await Point.scan().count() == 0": 'sum([await Point.query(f"g{group}").count() for group in range(3)]) == 0',
    "sorted(await Label.scan().all(), key=lambda each: each.number) == labels": (
        "await Label.batch_get([each.number for each in labels]) == labels"
    ),
}

globals().update(twin("test_leftovers", TOLD))
