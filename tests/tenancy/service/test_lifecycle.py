"""`tests/service/test_lifecycle.py` under a tenant."""

from tests.tenancy.service.twins import twin

# Errors name a key as it is in the table.
TOLD = {
    r"User\.get_or_raise\(user_id='nobody'\)": r"User\.get_or_raise\(pk='acme#nobody'\)",
    r"User\.update\(user_id='u1'\)": r"User\.update\(pk='acme#u1'\)",
    r"User\.get\(user_id='u1'\)": r"User\.get\(pk='acme#u1'\)",
    'caught.value.key == {"user_id": "u1"}': 'caught.value.key == {"pk": "acme#u1"}',
    '{"email", "user_id"}': '{"email", "by_email_pk", "pk"}',
}

globals().update(twin("test_lifecycle", TOLD))
