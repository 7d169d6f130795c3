"""A model with everything that a read can run into: indexes of every kind and projection, items that share index keys,
items that an index lacks, and items past their time."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from decimal import Decimal

from pydantic import SecretStr

from dynamorm_py import (
    Attr,
    GlobalIndex,
    LocalIndex,
    Model,
    PrimaryKey,
    batch_write,
    field,
    partition_key,
    sort_key,
    time_to_live,
)

# The clock of these tests is far ahead: DynamoDB Local deletes what has expired by its own clock within seconds, and
# what is to be seen here is how the items look until they are deleted.
NOW = datetime(2124, 5, 6, 7, 8, 9, tzinfo=UTC)
PAST, FUTURE = datetime(2123, 1, 1, tzinfo=UTC), datetime(2130, 1, 1, tzinfo=UTC)


class Book(Model, table="books"):
    shelf: Attr[str] = partition_key()
    number: Attr[int] = sort_key()
    genre: Attr[str | None] = field(default=None)
    rank: Attr[int] = field(default=0)
    title: Attr[str] = field(default="untitled")
    expires: Attr[datetime | None] = time_to_live(default=None)
    by_genre = GlobalIndex(partition_key="genre", sort_key="rank")
    by_title = GlobalIndex(partition_key="title")
    by_rank = LocalIndex(sort_key="rank")


class Address(Model):
    city: Attr[str]
    zip_code: Attr[str | None] = field(default=None)


class Member(Model, table="members"):
    """Composed keys, nested values, and indexes that copy parts of an item."""

    club: Attr[str]
    joined: Attr[int]
    name: Attr[str]
    email: Attr[str]
    visits: Attr[int] = field(default=0, ge=0)
    nick: Attr[str | None] = field(default=None)
    tags: Attr[set[str]] = field(default_factory=set)
    notes: Attr[list[str]] = field(default_factory=list)
    fees: Attr[Decimal | None] = field(default=None)
    secret: Attr[SecretStr | None] = field(default=None)
    address: Attr[Address | None] = field(default=None)
    homes: Attr[list[Address]] = field(default_factory=list)
    expires: Attr[datetime | None] = time_to_live(default=None)
    key = PrimaryKey("CLUB#{club}", "{joined}#{name}")
    by_email = GlobalIndex(partition_key="email", projection="KEYS_ONLY")
    by_nick = GlobalIndex(partition_key="N#{nick}", sort_key="{joined}", projection=("visits", "expires"))
    by_visits = LocalIndex(sort_key="visits", projection="KEYS_ONLY")


async def shelve(seed: int, count: int) -> list[Book]:
    """Random books, about half of them on shelf `a`: many with the same rank, some without genre, some expired."""
    chance = random.Random(seed)
    places = [("a", number) for number in range(-3 * count, 3 * count)]
    places += [(shelf, number) for shelf in "bcdefg" for number in range(count)]
    places = chance.sample(places, count)
    books = [
        Book(
            shelf=shelf,
            number=number,
            genre=chance.choice(["x", "x", "y", None]),
            rank=chance.randrange(4),
            title=chance.choice(["untitled", "t"]),
            expires=chance.choice([None, None, PAST, FUTURE]),
        )
        for shelf, number in places
    ]
    await batch_write(*(book.put() for book in books))
    return books


def standing(books: list[Book]) -> list[Book]:
    """Those that are not past their time."""
    return [book for book in books if book.expires != PAST]
