"""The client: what is opened, made ambient, and carries operations out."""

from dynamorm_py.client.client import Client
from dynamorm_py.middleware.retries import Retry
from dynamorm_py.middleware.telemetry import CallRecord
from dynamorm_py.transports import Credentials, Timeouts

__all__ = ["CallRecord", "Client", "Credentials", "Retry", "Timeouts"]
