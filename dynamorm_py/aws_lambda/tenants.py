"""`tenant_from()`: in whose scope an invocation works, and `claim()`: who says so.

Isolation is worth what the source of the tenant's id is worth. The default is a claim that an authorizer has verified
before the function was called; whatever the caller chooses (headers, paths, bodies) needs a function of one's own, so
that the decision stands in one's own code.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from inspect import isawaitable
from typing import Any, TypeAlias

from dynamorm_py.aws_lambda.invocation import NAMING, CallNext, Invocation, as_current
from dynamorm_py.aws_lambda.onion import Middleware
from dynamorm_py.client import Client
from dynamorm_py.context import use
from dynamorm_py.core.errors import InvalidOperation, InvalidValue, TenantRequired, TenantViolation
from dynamorm_py.core.tenants import check_tenant

# Of whatever event; the answer is checked before it is used.
Source: TypeAlias = Callable[[Invocation[Any, Any]], str | Awaitable[str | None] | None]


def tenant_from(source: Source) -> Middleware:
    """Middleware in whose inside everything belongs to one tenant: the ambient client, and `ctx.db`, are bound to it,
    and `ctx.tenant` is its id. `current_invocation()` is that invocation, too::

        app = LambdaApp(models=[Order], middleware=[errors(), tenant_from(claim("custom:tenant_id")), UnitOfWork()])

    `source` is `claim(name)`, or a function of the invocation, which may be async. `TenantRequired` where it answers
    None, `TenantViolation` where it answers what is no id. The scope ends with the invocation.

    Where the function runs in Lambda's tenant isolation mode, `context.tenant_id` has to be the same id. That one is
    chosen by the caller: it keeps execution environments apart and authenticates nobody, so it is no source.
    https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation.html

    After `records()`, it binds each record: the source sees the record as `ctx.event`.
    """

    async def bind(ctx: Invocation[Any, Any], call_next: CallNext[Any, Any], /) -> Any:  # as `Middleware`
        found = source(ctx)
        tenant = _checked(await found if isawaitable(found) else found, ctx)
        if not isinstance(ctx.db, Client):
            raise InvalidOperation("the invocation is bound to a tenant already: give the app one tenant_from()")
        with use(ctx.db.for_tenant(tenant)) as bound:
            inside = ctx.with_tenant(tenant, bound)
            with as_current(inside):
                return await call_next(inside)

    return bind


def claim(name: str) -> Source:
    """The claim of that name, from where API Gateway or AppSync put what an authorizer has verified, and from there
    only: never from a header, a path, a query or a body.

    - HTTP APIs: `requestContext.authorizer.jwt.claims`, or `.lambda` of a Lambda authorizer
    - REST and WebSocket APIs: `requestContext.authorizer.claims` of Cognito, or the context of a Lambda authorizer
    - AppSync: `identity.claims`, or `identity.resolverContext` of a Lambda authorizer

    Take a claim that the user cannot change: in Amazon Cognito, an attribute that no app client may write.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """

    def of_event(ctx: Invocation[Any, Any]) -> str | None:
        claims = _claims(ctx.raw)
        value = claims.get(name)
        if value is not None and not isinstance(value, str):
            raise TenantViolation(f"the claim {name} is no text, so it is no tenant's id")
        return value

    return of_event


def _claims(event: object) -> Mapping[str, Any]:
    """What the authorizer of this event says: the first of these places that the event has, and no other."""
    if not isinstance(event, Mapping):
        return {}
    for path in _PLACES:
        place: object = event
        for step in path:
            place = place.get(step) if isinstance(place, Mapping) else None
        if isinstance(place, Mapping):
            return place
    return {}


# An event has one of them. The last two hold the others in themselves, so the order counts.
_PLACES = (
    ("requestContext", "authorizer", "jwt", "claims"),
    ("requestContext", "authorizer", "lambda"),
    ("requestContext", "authorizer", "claims"),
    ("identity", "claims"),
    ("identity", "resolverContext"),
    ("requestContext", "authorizer"),
)


def _checked(tenant: str | None, ctx: Invocation[Any, Any]) -> str:
    if tenant is None:
        raise TenantRequired(
            "the event names no tenant: the claim is missing, or the function found none", operation=NAMING
        )
    try:
        check_tenant(tenant)
    except InvalidValue as error:
        raise TenantViolation(f"what the event names is no tenant's id: {error.message}") from None
    isolated = getattr(ctx.context, "tenant_id", None)
    if isolated is not None and isolated != tenant:
        raise TenantViolation("the execution environment belongs to another tenant than the claim")
    return tenant
