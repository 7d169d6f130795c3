"""What botocore reads of its own data before it makes a client: less of it, where a session is ours."""

from __future__ import annotations

import os

from botocore.loaders import Loader, create_loader


class ServiceLoader(Loader):  # type: ignore[misc]  # botocore has no types
    """botocore's loader, which does not look into the folders of all four hundred services to find that one exists.

    Their names alone say that well enough: that a service has no data of the kind that is asked for shows a step later.
    """

    def list_available_services(self, type_name: str) -> list[str]:
        """The names of the services that may have data of this type."""
        return sorted({name for path in self.search_paths if os.path.isdir(path) for name in os.listdir(path)})


def service_loader(data_path: str | None) -> ServiceLoader:
    """The loader for a session, whose `data_path` is AWS_DATA_PATH or a profile's."""
    searched = create_loader(data_path).search_paths
    return ServiceLoader(extra_search_paths=list(searched), include_default_search_paths=False)
