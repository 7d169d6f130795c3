"""`assert_isolated`: that two tenants do not meet in somebody's models, tried with every verb."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, TypeAlias

from dynamorm_py.batch import batch_write
from dynamorm_py.client import Client
from dynamorm_py.client.tenants import TenantClient
from dynamorm_py.context import use
from dynamorm_py.core.errors import DynamormError, InvalidOperation, TenantViolation
from dynamorm_py.model import GlobalIndex, LocalIndex, Model
from dynamorm_py.model.indexes import BoundIndex
from dynamorm_py.operation import Operation
from dynamorm_py.query import Query
from dynamorm_py.tenancy.policies import iam_policy
from dynamorm_py.testing.embedded import EmbeddedDynamoDB
from dynamorm_py.testing.example_items import ExampleItems, Examples
from dynamorm_py.transaction import transact_get, transact_write

# The one is the beginning of the other, which is what keys that are compared carelessly take for the same.
TENANTS = ("isolated", "isolated-too")
_ITEMS = 3
_REASON = "assert_isolated removes its items"
_ACCOUNT = "111122223333"

# What somebody saw; compared with what the same reads see later.
Seen: TypeAlias = list[tuple[str, object]]


async def assert_isolated(
    models: Iterable[type[Model]],
    *,
    client: Client | None = None,
    examples: Mapping[type[Model], Examples] | None = None,
) -> None:
    """Asserts that tenants do not meet in these models; for the tests of whoever declares them::

        async def test_tenants_are_isolated():
            await assert_isolated([Order, User])

    Two tenants, whose ids look alike, write items that differ in nothing but the tenant, with every verb, alone, in
    batches and transactions. What the first one reads (by key, in batches and transactions, by queries of the table and
    each index, page by page) has to be the same before the second one comes, while it is there, and after it has
    deleted its items. Each verb is tried on the other one's items too, and has to be refused; so have its cursors, and
    its operations. Models that are `shared=True` have to be readable, and not writable, in a tenant's scope. The tables
    have to be as `Client.verify_tables` wants them, and an IAM policy has to be possible.

    Items are made from the types of the fields. Where these do not tell enough, `examples` gives values of fields by
    model, or a function that makes them for the number of an item: `examples={User: {"email": "a@x.org"}}`.

    Without a client it works on a `EmbeddedDynamoDB` of its own. With one, which is open and has an engine for tests,
    tables that do not exist are created, and stay; the items of the two tenants are deleted in the end. Models with a
    constraint over all tenants are refused (`InvalidOperation`): by its nature it tells one what another one has.
    """
    chosen = tuple(models)
    if not chosen:
        raise InvalidOperation("name the models that are to be isolated", operation="assert_isolated")
    for model in chosen:
        _check_declared(model)
    async with _opened(client) as db:
        await _Isolation(db, chosen, examples or {}).check()


def _check_declared(model: type[Model]) -> None:
    schema = model.__dynamorm_schema__
    _require(schema.tenant or schema.shared, f"{model.__name__}: it has no tenant_key(), and is not shared=True")
    if any(each.across_tenants for each in schema.uniques):
        raise InvalidOperation(
            "a constraint over all tenants tells one of them what another one has: leave the model out",
            model=model.__name__,
            operation="assert_isolated",
        )


@asynccontextmanager
async def _opened(client: Client | None) -> AsyncIterator[Client]:
    if client is not None:
        yield client
        return
    with EmbeddedDynamoDB() as dynamodb:
        async with dynamodb.client() as db:
            yield db


class _Isolation:
    """The whole of the assertion, on one client."""

    def __init__(self, db: Client, models: tuple[type[Model], ...], examples: Mapping[type[Model], Examples]) -> None:
        self._db = db
        self._models = models
        self._owned = [model for model in models if model.__dynamorm_schema__.tenant]
        self._examples = {model: ExampleItems(model, examples.get(model)) for model in models}

    async def check(self) -> None:
        await self._check_tables()
        try:
            for model in self._models:
                items = self._examples[model]
                if model in self._owned:
                    await self._check_owned(_Subject(model, items))
                else:
                    await self._check_shared(model, items)
        finally:
            await self._remove()

    async def _check_tables(self) -> None:
        await self._db.ensure_tables(*self._models)
        with _asserting("the tables do not keep tenants apart"):
            await self._db.verify_tables(*self._models)
        with _asserting("no IAM policy could be made"):
            iam_policy(self._models, tenant=TENANTS[0], region="us-east-1", account=_ACCOUNT)

    async def _check_owned(self, subject: _Subject) -> None:
        one, other = (_Tenant(self._db.for_tenant(tenant), subject) for tenant in TENANTS)
        await one.write()
        before = await one.read()
        await other.write()
        _same(subject, before, await one.read(), "wrote items")
        theirs = await other.read()
        await one.refuse(other)
        _same(subject, theirs, await other.read(), "was tried to be reached")
        await other.rewrite()
        _same(subject, before, await one.read(), "changed its items")
        await other.delete()
        _same(subject, before, await one.read(), "deleted its items")

    async def _check_shared(self, model: type[Model], items: ExampleItems) -> None:
        item = items.make(0, None)
        key = _key(item)
        await self._db.run(item.create() if model.__dynamorm_schema__.uniques else item.put())
        try:
            with use(self._db.for_tenant(TENANTS[0])):
                with _asserting(f"{model.__name__}: it is shared, and a tenant could not read it"):
                    found = await model.get(key)
                _require(found, f"{model.__name__}: it is shared, and a tenant did not find its item")
                await _refused(f"{model.__name__}: a tenant wrote what is shared", item.put)
        finally:
            await self._db.run(item.delete())

    async def _remove(self) -> None:
        if not self._owned:
            return
        bypass = self._db.across_tenants(reason=_REASON)
        for tenant in TENANTS:
            await bypass.delete_all(self._owned, tenant=tenant, confirm=tenant)


class _Subject:
    """One model, and what can be done with any model."""

    def __init__(self, model: type[Model], items: ExampleItems) -> None:
        self.model = model
        self._items = items
        schema = model.__dynamorm_schema__
        self.name = model.__name__
        self.tenant = schema.tenant.field if schema.tenant else ""
        self.unique = bool(schema.uniques)
        # A batch takes no conditions, which sentinels and versions need.
        self.batched = not schema.uniques and schema.version is None
        self.indexes: list[BoundIndex[Any, Any]] = [
            getattr(model, name)
            for name, declared in model.__dynamorm_declared__.items()
            if isinstance(declared, GlobalIndex | LocalIndex)
        ]

    def items(self, tenant: str) -> list[Model]:
        """Items whose keys differ: fewer than asked for where the tenant has but one."""
        made = [self._items.make(number, tenant) for number in range(_ITEMS)]
        return list({repr(_key(item)): item for item in made}.values())

    def queries(self, item: Model, *, tenant: bool) -> list[tuple[str, Callable[[], Query[Any]]]]:
        """The query of the table and of each index that finds an item, with the tenant in its key, or without."""
        schema = self.model.__dynamorm_schema__
        table = self._fields(item, schema.key.partition_fields, tenant=tenant)
        queries: list[tuple[str, Callable[[], Query[Any]]]] = [("query", lambda: self.model.query(table))]
        for index in self.indexes:
            values = self._fields(item, schema.indexes[index.name].key.partition_fields, tenant=tenant)
            if None not in values.values():
                queries.append((f"{index.name}.query", _query_of(index, values)))
        return queries

    def key(self, item: Model, *, tenant: bool) -> dict[str, Any]:
        """The item's key by field, with the tenant, or without."""
        return self._fields(item, self.model.__dynamorm_schema__.key.fields, tenant=tenant)

    def action(self, item: Model) -> Any | None:  # an action on a path of whatever type
        """An action that leaves an attribute as it is, None where there is no attribute that is just data."""
        schema = self.model.__dynamorm_schema__
        keys = (schema.key, *(index.key for index in schema.indexes.values()))
        taken = {name for key in keys for name in key.fields} | {n for each in schema.uniques for n in each.fields}
        taken_attributes = {schema.version, schema.created, schema.updated, schema.time_to_live}
        for name, attribute in schema.fields.items():
            value = getattr(item, name)
            if name not in taken and attribute not in taken_attributes and value not in (None, set(), frozenset()):
                return getattr(self.model, name).set(value)
        return None

    def _fields(self, item: Model, names: Iterable[str], *, tenant: bool) -> dict[str, Any]:
        return {name: getattr(item, name) for name in names if tenant or name != self.tenant}


class _Tenant:
    """One of the two, and what it does with a model's items in its own scope."""

    def __init__(self, client: TenantClient, subject: _Subject) -> None:
        self.client = client
        self.subject = subject
        self.items = subject.items(client.tenant)

    async def write(self) -> None:
        """Writes every item: the first with `create`, the others in a transaction or, where that can be, a batch."""
        subject = self.subject
        with use(self.client), _asserting(f"{subject.name}: {self.client.tenant} could not write its items"):
            first, *others = self.items
            await first.create()
            for number, item in enumerate(others):
                if number % 2 or not subject.batched:
                    await transact_write(item.create())
                else:
                    await batch_write(item.put())
            await self._change(first)

    async def read(self) -> Seen:
        """Everything that the model's reads see."""
        subject, seen = self.subject, Seen()
        with use(self.client), _asserting(f"{subject.name}: {self.client.tenant} could not read its items"):
            keys = [subject.key(item, tenant=False) for item in self.items]
            for key in keys:
                seen.append(("get", await subject.model.get(key)))
            seen.append(("batch_get", await subject.model.batch_get(keys)))
            seen.append(("transact_get", await transact_get(*(subject.model.get(key) for key in keys))))
            for item in self.items:
                for name, query in subject.queries(item, tenant=False):
                    seen.append((name, await query().all()))
                    seen.append((f"{name} in pages", [page.items async for page in query().page_size(1).pages()]))
                    seen.append((f"{name} counted", await query().count()))
        self._check_whole(seen)
        return seen

    async def rewrite(self) -> None:
        """Writes every item again, in the ways that there are."""
        with use(self.client), _asserting(f"{self.subject.name}: {self.client.tenant} could not change its items"):
            for item in self.items:
                await self._change(item)

    async def delete(self) -> None:
        with use(self.client), _asserting(f"{self.subject.name}: {self.client.tenant} could not delete its items"):
            for item in self.items:
                loaded = await self.subject.model.get_or_raise(self.subject.key(item, tenant=False))
                await loaded.delete()

    async def refuse(self, other: _Tenant) -> None:
        """Tries to reach the other one's items, in every way."""
        subject = self.subject
        for item in other.items:
            for name, attempt in self._attempts(item):
                with use(self.client):
                    await _refused(f"{subject.name}: {name} reached another tenant's item", attempt)
        with use(self.client):
            own = subject.model.get(subject.key(self.items[0], tenant=False))
        await _refused(f"{subject.name}: an operation of one tenant was run by another", lambda: other.client.run(own))
        for name, query in subject.queries(other.items[0], tenant=False):
            with use(other.client):
                page = await query().limit(1).page()
            if page.cursor is not None:
                await _refused(
                    f"{subject.name}: {name} took another tenant's cursor", self._going_on(query, page.cursor)
                )

    def _going_on(self, query: Callable[[], Query[Any]], cursor: str) -> Callable[[], Awaitable[object]]:
        async def going_on() -> object:
            with use(self.client):
                return await query().after(cursor).page()

        return going_on

    def _attempts(self, item: Model) -> list[tuple[str, Callable[[], Awaitable[object]]]]:
        """Operations on an item by its whole key, the tenant included, made only when they are tried."""
        subject, model = self.subject, self.subject.model
        key = subject.key(item, tenant=True)
        attempts: list[tuple[str, Callable[[], Awaitable[object]]]] = [
            ("get", lambda: model.get(key)),
            ("batch_get", lambda: model.batch_get([key])),
            ("transact_get", lambda: transact_get(model.get(key))),
            ("create", lambda: item.model_copy().create()),
            ("transact_write", lambda: transact_write(item.model_copy().create())),
            *((name, _all_of(query)) for name, query in subject.queries(item, tenant=True)),
        ]
        if not subject.unique:
            action = subject.action(item)
            attempts += [
                ("put", lambda: item.model_copy().put()),
                ("delete", lambda: model.delete(key)),
                ("batch_write", lambda: batch_write(model.delete(key))),
                ("transact_write", lambda: transact_write(model.delete(key))),
            ]
            if action is not None:
                attempts.append(("update", lambda: model.update(key, action)))
        return attempts

    async def _change(self, item: Model) -> None:
        """Writes an item again, with each verb that writes what is there already."""
        subject = self.subject
        loaded = await subject.model.get_or_raise(subject.key(item, tenant=False))
        await loaded.save()
        await loaded.put()
        action = subject.action(item)
        if action is not None:
            await loaded.update(action)

    def _check_whole(self, seen: Seen) -> None:
        """That an item is found by what is asked for it: two tenants that see nothing would be isolated as well."""
        for name, found in seen:
            empty = found is None or (isinstance(found, list | tuple) and (not found or None in found)) or found == 0
            _require(not empty, f"{self.subject.name}: {self.client.tenant} did not find its own items by {name}")


@contextmanager
def _asserting(message: str) -> Iterator[None]:
    """Turns an error of the library into an `AssertionError` that says what it means here."""
    try:
        yield
    except DynamormError as error:
        raise AssertionError(f"{message}: {error}") from error


def _query_of(index: BoundIndex[Any, Any], values: Mapping[str, Any]) -> Callable[[], Query[Any]]:
    return lambda: index.query(values)


def _all_of(query: Callable[[], Query[Any]]) -> Callable[[], Operation[list[Any]]]:
    return lambda: query().all()


def _require(held: object, message: str) -> None:
    # Not `assert`, which Python leaves out when it optimises.
    if not held:
        raise AssertionError(message)


async def _refused(message: str, attempt: Callable[[], Awaitable[object]]) -> None:
    try:
        await attempt()
    except TenantViolation:
        return
    except DynamormError as error:
        raise AssertionError(f"{message}, or was refused for another reason: {error}") from error
    raise AssertionError(message)


def _same(subject: _Subject, before: Seen, after: Seen, happened: str) -> None:
    for (name, one), (_, other) in zip(before, after, strict=True):
        _require(one == other, f"{subject.name}: what {name} sees changed when another tenant {happened}")


def _key(item: Model) -> dict[str, Any]:
    return {name: getattr(item, name) for name in type(item).__dynamorm_schema__.key.fields}
