"""Credentials for each tenant, which STS hands out for a role, confined to that tenant.

https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextvars import Context
from copy import copy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from dynamorm_py.core.errors import ClientClosed, DynamormError, InvalidOperation, Throttled, TransportError
from dynamorm_py.core.tenants import check_tenant
from dynamorm_py.tenancy.policies import SESSION_TAG, Policy, session_policy
from dynamorm_py.transports import Credentials

if TYPE_CHECKING:
    from dynamorm_py.tenancy.sts import Sts

# The least that STS grants, and the most for a role that was itself assumed, as a Lambda function's is: role chaining.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles.html#iam-term-role-chaining
MIN_SECONDS, MAX_SECONDS = 900, 3600

# From five minutes before the end on new ones are asked for; the old ones serve where that fails, until they would end
# during a request.
RENEW = timedelta(minutes=5)
SPARE = timedelta(seconds=30)

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/.+")
_SESSION_NAME = re.compile(r"[a-zA-Z0-9_+=.@-]{2,64}")
_NOT_IN_SESSION_NAME = re.compile(r"[^a-zA-Z0-9_+=.@-]")

PolicyOf: TypeAlias = Callable[[str], Policy]


def _utc_now() -> datetime:
    return datetime.now(UTC)


class TenantCredentials:
    """Assumes a role for each tenant, and keeps what STS returns until five minutes before it ends::

        credentials = TenantCredentials(
            role_arn="arn:aws:iam::111122223333:role/orders-of-a-tenant",
            policy=lambda tenant: iam_policy([Order], tenant=tenant, region="eu-west-1", account="111122223333"),
        )
        async with Client(tenant_credentials=credentials) as db:
            orders = db.for_tenant("acme")  # its requests are signed with the credentials of acme alone

    - `role_arn`: the role, or a function that names each tenant's.
    - `policy`: makes the session policy of a tenant: the session may do what the role *and* this policy allow.
    - `session_tag`: the key of a session tag whose value is the tenant, for a role whose own policy names it
      (`iam_policy(models, session_tag=…)`). The role's trust policy then has to allow `sts:TagSession`. One of the two
      is needed: without, every tenant would get all that the role may do.
    - `external_id`: for a role of another account that asks for one.
    - `seconds`: how long credentials live, from 900 to 3,600: STS grants no more to a role that assumes another.
    - `capacity`: for how many tenants credentials are kept; those not used for longest go first.
    - `region`, `endpoint_url`, `credentials`, `session`, `config`: of the STS client, as `Client` has them. Those
      credentials need `sts:AssumeRole`, and should have no access to the tables: else this protects little.
    - `clock`: the time; returns an aware datetime.

    It serves one event loop (asyncio) at a time. A `Client` opens and closes it; on its own it is used in `async with`.
    Several clients may share one: it is closed with the last. A tenant's credentials are asked for once however many
    wait for them.
    """

    def __init__(
        self,
        *,
        role_arn: str | Callable[[str], str],
        policy: PolicyOf | None = None,
        session_tag: str | None = None,
        external_id: str | None = None,
        seconds: int = MAX_SECONDS,
        capacity: int = 1000,
        region: str | None = None,
        endpoint_url: str | None = None,
        credentials: Credentials | None = None,
        session: Any = None,  # aiobotocore.session.AioSession, which is not loaded before it is opened
        config: Any = None,  # botocore.config.Config, likewise
        clock: Callable[[], datetime] = _utc_now,
    ) -> None:
        if policy is None and session_tag is None:
            raise InvalidOperation(
                "give policy=… or session_tag=…: otherwise every tenant's credentials could do all that the role can"
            )
        if session_tag is not None and not SESSION_TAG.fullmatch(session_tag):
            raise InvalidOperation(f"{session_tag!r} cannot be the key of a session tag")
        if not MIN_SECONDS <= seconds <= MAX_SECONDS:
            raise InvalidOperation(f"credentials live for {MIN_SECONDS} to {MAX_SECONDS} seconds, not {seconds}")
        if capacity < 1:
            raise InvalidOperation("the credentials of at least one tenant are kept")
        self._terms = _Terms(role_arn, policy, session_tag, external_id, seconds)
        self._reach = (region, endpoint_url, credentials, session, config)
        self._capacity = capacity
        self._clock = clock
        self._kept: OrderedDict[str, _Lease] = OrderedDict()
        self._asking: dict[str, asyncio.Task[_Lease]] = {}
        self._sts: Sts | None = None
        self._left: list[Sts] = []
        self._packed: int | None = None

    @property
    def packed_policy_size(self) -> int | None:
        """The most that session policies and tags took of the space that STS has for them, in percent, of all answers
        so far; None before the first. What exceeds 100 is refused."""
        return self._packed

    async def __aenter__(self) -> Self:
        """Opens the STS client, which sends nothing yet."""
        # aiobotocore takes some 300 ms to import: who only names its credentials does not pay for it.
        from dynamorm_py.tenancy.sts import Sts, StsSettings  # noqa: PLC0415

        if self._sts is not None and self._sts.place.is_gone:
            # Kept: if the client of a parent process were dropped, its finalisers would end the parent's connections.
            self._left.append(self._sts)
            self._forget_all()
        sts = self._sts
        if sts is None:
            opened = await Sts.open(StsSettings(*self._reach))
            sts = self._keep(opened)
            sts.users += 1
            if sts is not opened:  # another client opened one meanwhile
                await opened.close()
        else:
            sts.place.check()
            sts.users += 1
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        sts = self._sts
        if sts is None or sts.place.is_gone:
            return
        sts.place.check()
        sts.users -= 1
        if sts.users:
            return
        asking = list(self._asking.values())
        self._forget_all()
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await sts.close()

    async def credentials_for(self, tenant: str) -> Credentials:
        """The credentials of a tenant, which are valid for a while yet.

        Raises `InvalidValue` for what is not a tenant's id, `AccessDenied` where STS refuses, `InvalidOperation` where
        the session policy is too large or malformed, `Throttled`, `TransportError`; and never gives any others instead.
        """
        sts = self._sts
        if sts is None:
            raise ClientClosed("the credentials of tenants are not open: open the client, or use `async with`")
        sts.place.check()
        lease = self._kept.get(check_tenant(tenant))
        if lease is None or self._clock() >= lease.ends - RENEW:
            lease = await self._renewed(tenant, lease, sts)
        if tenant in self._kept:
            self._kept.move_to_end(tenant)
        return lease.credentials

    def forget(self, tenant: str) -> None:
        """Has the next request of the tenant ask STS anew, as after a change of the role."""
        self._kept.pop(tenant, None)
        self._asking.pop(tenant, None)

    async def _renewed(self, tenant: str, old: _Lease | None, sts: Sts) -> _Lease:
        task = self._asking.get(tenant)
        if task is None:
            # In an empty context: what one tenant's request has in its own must not be there when others wait for this.
            task = asyncio.get_running_loop().create_task(self._ask(tenant, sts), context=Context())
            self._asking[tenant] = task
            task.add_done_callback(lambda done: self._asked(tenant, done))
        try:
            # Shielded: who is cancelled stops waiting, and what others wait for goes on.
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled() and sts is not self._sts:
                raise ClientClosed("the credentials of tenants were closed meanwhile") from None
            raise
        except DynamormError as error:
            transient = isinstance(error, Throttled | TransportError)
            if transient and old is not None and self._clock() < old.ends - SPARE:
                return old
            # To each who waited an error of its own: it will be told what it was about.
            raise copy(error) from error.__cause__

    async def _ask(self, tenant: str, sts: Sts) -> _Lease:
        answer = await sts.assume_role(self._terms.request(tenant))
        given = answer["Credentials"]
        packed = answer.get("PackedPolicySize")
        if packed is not None:
            self._packed = max(packed, self._packed or 0)
        own = Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
        return _Lease(own, given["Expiration"])

    def _asked(self, tenant: str, task: asyncio.Task[_Lease]) -> None:
        # Unless it was forgotten, or all was closed, meanwhile.
        current = self._asking.get(tenant) is task
        if current:
            del self._asking[tenant]
        # The exception is looked at in any case: the last who waited may have been cancelled.
        if not task.cancelled() and task.exception() is None and current:
            self._kept[tenant] = task.result()
            self._kept.move_to_end(tenant)
            if len(self._kept) > self._capacity:
                self._kept.popitem(last=False)

    def _keep(self, opened: Sts) -> Sts:
        self._sts = self._sts or opened
        return self._sts

    def _forget_all(self) -> None:
        self._sts = None
        self._kept.clear()
        self._asking.clear()


@dataclass(frozen=True, slots=True)
class _Lease:
    """Credentials, and when they end."""

    credentials: Credentials
    ends: datetime


@dataclass(frozen=True, slots=True)
class _Terms:
    """On what terms a role is assumed for a tenant."""

    role_arn: str | Callable[[str], str]
    policy: PolicyOf | None
    session_tag: str | None
    external_id: str | None
    seconds: int

    def request(self, tenant: str) -> Mapping[str, object]:
        """The parameters of `AssumeRole`."""
        role = self.role_arn if isinstance(self.role_arn, str) else self.role_arn(tenant)
        if not _ROLE.fullmatch(role):
            raise InvalidOperation(f"{role!r} is not the ARN of a role")
        request: dict[str, object] = {
            "RoleArn": role,
            "RoleSessionName": session_name(tenant),
            "DurationSeconds": self.seconds,
        }
        if self.policy is not None:
            request["Policy"] = session_policy(self.policy(tenant))
        if self.session_tag is not None:
            request["Tags"] = [{"Key": self.session_tag, "Value": tenant}]
        if self.external_id is not None:
            request["ExternalId"] = self.external_id
        return request


def session_name(tenant: str) -> str:
    """What the session is called in CloudTrail: the tenant's id where it can be, else what it can keep of it with a
    digest behind a comma, which no id has. So no two tenants share one."""
    if _SESSION_NAME.fullmatch(tenant):
        return tenant
    digest = hashlib.sha256(tenant.encode()).hexdigest()
    return f"{_NOT_IN_SESSION_NAME.sub('-', tenant)[:31]},{digest[:32]}"
