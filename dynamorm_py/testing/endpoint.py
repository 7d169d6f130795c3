"""What every DynamoDB on this machine has in common: how to reach it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dynamorm_py.client import Client


class LocalEndpoint(ABC):
    """A DynamoDB that listens on this machine and takes any credentials."""

    region = "us-east-1"
    access_key = "testing"
    secret_key = "testing"  # noqa: S105 (it opens nothing)

    @property
    @abstractmethod
    def endpoint_url(self) -> str:
        """`http://127.0.0.1:port`, while it runs."""

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables that lead a process, such as a Lambda function under test, to it.

        https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
        """
        return {
            "AWS_ENDPOINT_URL_DYNAMODB": self.endpoint_url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }

    def client(self, **options: Any) -> Client:  # the options are `Client`'s own, each of its own type
        """A client of it, still to be opened: `async with dynamodb.client() as db`. `options` are those of `Client`."""
        # Imported here because an engine serves any program: one that reaches it with boto3 needs no client of ours.
        from dynamorm_py.client import Client, Credentials  # noqa: PLC0415

        reach = {
            "region": self.region,
            "endpoint_url": self.endpoint_url,
            "credentials": Credentials(access_key=self.access_key, secret_key=self.secret_key),
        }
        return Client(**{**reach, **options})
