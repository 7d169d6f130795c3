"""`tests/service/test_views.py` under a tenant."""

from tests.tenancy.service.twins import twin

TOLD = {
    # A key names its tenant.
    "view.present == {": 'view.present == {"tenant_id", ',
    "local.present == {": 'local.present == {"tenant_id", ',
    "view.key == {": 'view.key == {"tenant_id": "acme", ',
    # There are no scans in a scope.
    "Member.by_nick.scan()": 'Member.by_nick.query("a")',
    '(Member.by_email.query("ada@x.org"), Member.by_email.scan())': '(Member.by_email.query("ada@x.org"),)',
    '(Member.query("c#1"), Member.scan(), Member.scan(segments=2))': '(Member.query("c#1"),)',
    "    assert len(await Member.scan(segments=3).project(Member.visits).all()) == 6\n": "",
    '(Dog.scan(), Dog.scan(segments=3), Dog.query("o"))': '(Dog.query("o"),)',
    '    assert sorted(pet.name for pet in await pets.scan().all()) == ["Rex", "Tom"]\n': "",
    "    assert await pets.scan().count() == 2\n": "",
}
ELSEWHERE = {
    "test_the_request_asks_for_the_keys_first_and_once": "spells keys, which are others in a scope",
}

globals().update(twin("test_views", TOLD, ELSEWHERE))
