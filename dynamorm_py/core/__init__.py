"""The pure core: what DynamoDB is told and what its answers mean, with no I/O.

Nothing under this package awaits, reads a clock, an environment or a context variable, draws a random number or
imports a third-party package. Operations become `Call` values and responses become items; whoever stands above
sends the one and hands back the other. Modules import downwards only::

    4  transactions  batches  reading  explanation
    3  operations  writes  search  tables  uniqueness  coverage
    2  expressions  updates  schema
    1  values  keys  placeholders  cursors
    0  wire  errors
"""
