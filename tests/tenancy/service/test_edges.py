"""`tests/service/test_edges.py` under a tenant."""

from tests.tenancy.service.twins import twin

TOLD = {
    # A client that knows a table of tenants by one key takes no models of that table with another.
    'table="words"': 'table=f"words.{hash_name.encode().hex()}"',
}

globals().update(twin("test_edges", TOLD))
