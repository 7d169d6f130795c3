"""The one place from which pytest takes plugins for the tests of the package and of the examples alike."""

pytest_plugins = ["tests.engines.fixtures"]
