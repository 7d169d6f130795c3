"""Async handlers on AWS Lambda: one event loop and one client for the whole life of the execution environment.

    from dynamorm_py import Client
    from dynamorm_py.aws_lambda import Invocation, LambdaApp

    app = LambdaApp(client=Client(), models=[Order])

    @app.handler
    async def handler(event: dict[str, str], ctx: Invocation) -> Order | None:
        return await Order.get(event["customer_id"], event["order_id"])

Importing this loads no AWS library; opening the client does, which happens during INIT.
"""

from dynamorm_py.aws_lambda.app import LambdaApp
from dynamorm_py.aws_lambda.invocation import Invocation, LambdaContext

__all__ = ["Invocation", "LambdaApp", "LambdaContext"]
