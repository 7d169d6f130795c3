"""`tests/service/test_pydantic_types.py` under a tenant."""

from tests.tenancy.service.twins import twin

globals().update(twin("test_pydantic_types"))
