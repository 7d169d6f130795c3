"""`tests/service/test_tables_shared.py` under a tenant."""

from tests.tenancy.service.twins import twin

ELSEWHERE = {
    "test_a_scan_reads_every_model": "there are no scans in a scope",
}

globals().update(twin("test_tables_shared", elsewhere=ELSEWHERE))
