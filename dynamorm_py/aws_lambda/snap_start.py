"""SnapStart: what is undone before the snapshot is taken, and done anew in each environment that is restored from it.

Sockets do not survive a snapshot. Credentials expire meanwhile. And all environments that are restored from one
snapshot would draw the same random numbers.
https://docs.aws.amazon.com/lambda/latest/dg/snapstart-runtime-hooks-python.html
"""

from __future__ import annotations

import logging
import os
import random
import sys

from dynamorm_py.aws_lambda.environment import ExecutionEnvironment

_logger = logging.getLogger(__name__)


def register_hooks(environment: ExecutionEnvironment) -> None:
    """Has Lambda call back around the snapshot, where it takes one."""
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        return
    try:
        # Lambda's own runtimes bring it; a container image has to.
        from snapshot_restore_py import register_after_restore, register_before_snapshot  # noqa: PLC0415
    except ImportError:
        _logger.warning("SnapStart without hooks: install snapshot_restore_py beside dynamorm_py")
        return
    register_before_snapshot(_before_snapshot, environment)
    register_after_restore(_after_restore, environment)


def _before_snapshot(environment: ExecutionEnvironment) -> None:
    environment.suspend()
    _forget_credentials()


def _after_restore(environment: ExecutionEnvironment) -> None:
    random.seed()
    environment.begin()


def _forget_credentials() -> None:
    transport = sys.modules.get("dynamorm_py.transports.aiobotocore")
    if transport is not None:
        transport.forget_credentials()
