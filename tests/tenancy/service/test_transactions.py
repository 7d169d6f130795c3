"""`tests/service/test_transactions.py` under a tenant."""

from tests.tenancy.service.twins import twin

ELSEWHERE = {
    "test_the_embedded_engine_knows_no_tokens": "is about moto, and the judge stands before DynamoDB Local",
}

globals().update(twin("test_transactions", elsewhere=ELSEWHERE))
