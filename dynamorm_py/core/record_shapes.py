"""The `__init__` of every record, by its number of fields: `SHAPES[n](*setters)` is a function of a record and n values
that hands each value to its setter.

They are written out so that they are compiled once, with this module, and not for every class at every start. Their
arguments' names are stand-ins for a class's own. A setter returns None, so `or` goes on to the next. A record with
more fields than any so far adds its line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Any: each takes so many setters, and answers with a function of so many values.
# fmt: off
SHAPES: tuple[Callable[..., Callable[..., Any]], ...] = (
    lambda: lambda self: None,
    lambda _0: lambda self, a: _0(self, a),  # noqa: PLW0108 - its argument is renamed
    lambda _0, _1: lambda self, a, b: _0(self, a) or _1(self, b),
    lambda _0, _1, _2: lambda self, a, b, c: _0(self, a) or _1(self, b) or _2(self, c),
    lambda _0, _1, _2, _3: lambda self, a, b, c, d: _0(self, a) or _1(self, b) or _2(self, c) or _3(self, d),
    lambda _0, _1, _2, _3, _4: lambda self, a, b, c, d, e:
        _0(self, a) or _1(self, b) or _2(self, c) or _3(self, d) or _4(self, e),
    lambda _0, _1, _2, _3, _4, _5: lambda self, a, b, c, d, e, f:
        _0(self, a) or _1(self, b) or _2(self, c) or _3(self, d) or _4(self, e) or _5(self, f),
    lambda _0, _1, _2, _3, _4, _5, _6: lambda self, a, b, c, d, e, f, g:
        _0(self, a) or _1(self, b) or _2(self, c) or _3(self, d) or _4(self, e) or _5(self, f) or _6(self, g),
    lambda _0, _1, _2, _3, _4, _5, _6, _7: lambda self, a, b, c, d, e, f, g, h:
        _0(self, a) or _1(self, b) or _2(self, c) or _3(self, d) or _4(self, e) or _5(self, f) or _6(self, g)
        or _7(self, h),
    lambda _0, _1, _2, _3, _4, _5, _6, _7, _8: lambda self, a, b, c, d, e, f, g, h, i:
        _0(self, a) or _1(self, b) or _2(self, c) or _3(self, d) or _4(self, e) or _5(self, f) or _6(self, g)
        or _7(self, h) or _8(self, i),
    lambda _0, _1, _2, _3, _4, _5, _6, _7, _8, _9: lambda self, a, b, c, d, e, f, g, h, i, j:
        _0(self, a) or _1(self, b) or _2(self, c) or _3(self, d) or _4(self, e) or _5(self, f) or _6(self, g)
        or _7(self, h) or _8(self, i) or _9(self, j),
    lambda _0, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10: lambda self, a, b, c, d, e, f, g, h, i, j, k:
        _0(self, a) or _1(self, b) or _2(self, c) or _3(self, d) or _4(self, e) or _5(self, f) or _6(self, g)
        or _7(self, h) or _8(self, i) or _9(self, j) or _10(self, k),
    lambda _0, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11: lambda self, a, b, c, d, e, f, g, h, i, j, k, m:
        _0(self, a) or _1(self, b) or _2(self, c) or _3(self, d) or _4(self, e) or _5(self, f) or _6(self, g)
        or _7(self, h) or _8(self, i) or _9(self, j) or _10(self, k) or _11(self, m),
    lambda _0, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12: lambda self, a, b, c, d, e, f, g, h, i, j, k, m, n:
        _0(self, a) or _1(self, b) or _2(self, c) or _3(self, d) or _4(self, e) or _5(self, f) or _6(self, g)
        or _7(self, h) or _8(self, i) or _9(self, j) or _10(self, k) or _11(self, m) or _12(self, n),
    lambda _0, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13:
        lambda self, a, b, c, d, e, f, g, h, i, j, k, m, n, o:
        _0(self, a) or _1(self, b) or _2(self, c) or _3(self, d) or _4(self, e) or _5(self, f) or _6(self, g)
        or _7(self, h) or _8(self, i) or _9(self, j) or _10(self, k) or _11(self, m) or _12(self, n) or _13(self, o),
    lambda _0, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14:
        lambda self, a, b, c, d, e, f, g, h, i, j, k, m, n, o, p:
        _0(self, a) or _1(self, b) or _2(self, c) or _3(self, d) or _4(self, e) or _5(self, f) or _6(self, g)
        or _7(self, h) or _8(self, i) or _9(self, j) or _10(self, k) or _11(self, m) or _12(self, n) or _13(self, o)
        or _14(self, p),
    lambda _0, _1, _2, _3, _4, _5, _6, _7, _8, _9, _10, _11, _12, _13, _14, _15:
        lambda self, a, b, c, d, e, f, g, h, i, j, k, m, n, o, p, q:
        _0(self, a) or _1(self, b) or _2(self, c) or _3(self, d) or _4(self, e) or _5(self, f) or _6(self, g)
        or _7(self, h) or _8(self, i) or _9(self, j) or _10(self, k) or _11(self, m) or _12(self, n) or _13(self, o)
        or _14(self, p) or _15(self, q),
)
# fmt: on
