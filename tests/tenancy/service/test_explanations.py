"""`tests/service/test_explanations.py` under a tenant."""

from tests.tenancy.service.twins import twin

TOLD = {
    # There are no scans in a scope.
    "            Log.scan(),\n            Log.scan().consistent().page_size(3),\n": "",
    "        Book.scan(segments=3).count().explain(item_size=1, items=1)\n": "",
}
ELSEWHERE = {
    "test_a_scan_says_that_it_reads_everything": "there are no scans in a scope",
    "test_a_query_is_explained_in_words": "spells keys, which are others in a scope",
    "test_projections_and_counts": "spells keys, which are others in a scope",
}

globals().update(twin("test_explanations", TOLD, ELSEWHERE))
