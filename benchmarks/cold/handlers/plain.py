"""An item in DynamoDB's form as what the handler answers, written out by hand for the clients that have no models."""

from typing import Any


def order_of(item: dict[str, Any]) -> dict[str, object]:
    """The attributes' values, of an item of which everything is known."""
    return {
        "customer_id": item["customer_id"]["S"],
        "order_id": item["order_id"]["S"],
        "status": item["status"]["S"],
        "total": int(item["total"]["N"]),
        "gift": item["gift"]["BOOL"],
        "tags": [tag["S"] for tag in item["tags"]["L"]],
        "version": int(item["version"]["N"]),
    }
