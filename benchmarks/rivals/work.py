"""The work that every library is put to: an item of ten attributes, the calls that read and write it, and what they are
to answer. It loads the standard library only, as a rival's environment has nothing else for certain."""

from __future__ import annotations

from typing import Any

TABLE = "orders"

QUERIED = (1, 10, 100, 1000)
BATCH = 100
TRANSACTION = 10

GET, PUT, UPDATE = "get", "put", "update"
BATCH_GET, TRANSACT_WRITE = f"batch_get_{BATCH}", f"transact_write_{TRANSACTION}"
QUERIES = {f"query_{count}": count for count in QUERIED}

# Making a client that is bound to a tenant, which sends nothing.
BIND = "bind"

OPERATIONS = (GET, PUT, UPDATE, *QUERIES, BATCH_GET, TRANSACT_WRITE)

# How many calls are under way at a time, of GetItem.
CONCURRENCIES = (1, 8, 64, 256)

# The connections that each client may open, where it can be told.
CONNECTIONS = 64


def order_id(number: int) -> str:
    """Of fixed width, so that orders sort by their numbers."""
    return f"{number:07d}"


def order(customer_id: str, number: int) -> dict[str, Any]:
    """An order's attributes."""
    return {
        "customer_id": customer_id,
        "order_id": order_id(number),
        "status": "open",
        "email": "ann@example.org",
        "note": "Leave it at the door, please.",
        "total": 5970,
        "gift": False,
        "tags": ["books", "europe"],
        "address": {"street": "Via Appia 1", "city": "Rome"},
        "version": 3,
    }


# It is read, written over with itself, and updated to what it is: a call leaves everything as it was.
CUSTOMER, NUMBER = "c1", 1
ORDER = order(CUSTOMER, NUMBER)
KEY = (ORDER["customer_id"], ORDER["order_id"])
SET = {"status": ORDER["status"], "total": ORDER["total"]}

BATCH_CUSTOMER = "b1"
BATCH_KEYS = [(BATCH_CUSTOMER, order_id(number)) for number in range(1, BATCH + 1)]

TRANSACTION_CUSTOMER = "t1"
TRANSACTION_ORDERS = [order(TRANSACTION_CUSTOMER, number) for number in range(1, TRANSACTION + 1)]


def queried_customer(count: int) -> str:
    """The customer who has that many orders."""
    return f"q{count}"


def wire(value: Any) -> dict[str, Any]:
    """A value in DynamoDB's form."""
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, list):
        return {"L": [wire(element) for element in value]}
    return {"M": wire_item(value)}


def wire_item(item: dict[str, Any]) -> dict[str, Any]:
    """An item in DynamoDB's form."""
    return {name: wire(value) for name, value in item.items()}


def plain_item(item: dict[str, Any]) -> dict[str, Any]:
    """`wire_item` undone."""
    return {name: _plain(value) for name, value in item.items()}


def _plain(value: dict[str, Any]) -> Any:
    ((kind, content),) = value.items()
    if kind == "N":
        return int(content)
    if kind == "L":
        return [_plain(element) for element in content]
    if kind == "M":
        return plain_item(content)
    return content


def wire_key(key: tuple[str, str]) -> dict[str, Any]:
    """A key in DynamoDB's form."""
    return wire_item(plain_key(key))


def plain_key(key: tuple[str, str]) -> dict[str, str]:
    """A key by its attributes."""
    return {"customer_id": key[0], "order_id": key[1]}
