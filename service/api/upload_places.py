"""Bounds how many files are being taken at once, by the whole process and by one workspace."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web

from service.errors import TooBusy

# A file lies on the disk while it is taken and written; one workspace cannot take every place.
UPLOADS_MAX: Final = 20
UPLOADS_PER_WORKSPACE_MAX: Final = 2


class UploadPlaces:
    """The places of one process, for the imports of both faces together."""

    def __init__(self) -> None:
        self._under_way: Counter[int] = Counter()

    @contextmanager
    def take(self, workspace_id: int) -> Iterator[None]:
        """Hold a place as long as the context lasts.

        Raises:
            TooBusy: there is none, or the workspace has as many as it may have.
        """
        if (
            self._under_way.total() >= UPLOADS_MAX
            or self._under_way[workspace_id] >= UPLOADS_PER_WORKSPACE_MAX
        ):
            raise TooBusy
        self._under_way[workspace_id] += 1
        try:
            yield
        finally:
            self._under_way[workspace_id] -= 1
            # Without its zeros the counter would grow by one entry for every workspace.
            self._under_way = +self._under_way


UPLOAD_PLACES: Final = web.AppKey("upload_places", UploadPlaces)
