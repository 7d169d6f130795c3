"""The one place from which pytest takes plugins for the tests of the package and of the examples alike."""

from hypothesis import settings

# How long an example takes says more about the machine than about the code.
settings.register_profile("dynamorm", deadline=None)
settings.load_profile("dynamorm")

pytest_plugins = ["tests.engines.fixtures"]
