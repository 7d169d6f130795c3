"""Every code that DynamoDB's errors have, by its own description and by its documentation."""

from __future__ import annotations

from typing import Any

from botocore.session import get_session

from dynamorm_py.transports.answers import BY_CODE

SERVICE: Any = get_session().get_service_model("dynamodb")
_MODELLED = [name for name in SERVICE.shape_names if SERVICE.shape_for(name).metadata.get("exception")]

CODES = sorted({*_MODELLED, *BY_CODE, "SerializationException", "ValidationException", "UnknownOperationException"})
