"""The model that answers, and its replacement when the path that it was loaded from leads elsewhere."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from kdops.deploy.predictor import BundleError, Predictor

_LOOK_S = 0.5


class Current:
    """The loaded model of one worker.

    When the path, a link, is pointed at another bundle, that one is loaded beside the old, verified as `Predictor.load`
    does, and answers from the next batch on. One that cannot be loaded is reported once and left alone.

    Args:
        path: A bundle's folder, or a link to one.
        threads: CPU threads of a prediction.
        loaded: called after each load: whether it succeeded, and the folder, or the reason why not.

    Raises:
        BundleError: The first one cannot be loaded.
    """

    def __init__(self, path: Path, threads: int, loaded: Callable[[bool, str], None]) -> None:
        self._path, self._threads, self._loaded = path, threads, loaded
        self._folder = os.path.realpath(path)
        self.predictor = self._load(self._folder)

    def _load(self, folder: str) -> Predictor:
        predictor = Predictor.load(folder, threads=self._threads)
        self._loaded(True, folder)
        return predictor

    async def follow(self) -> None:
        """Look where the path leads, for as long as this runs."""
        while True:
            await asyncio.sleep(_LOOK_S)
            folder = os.path.realpath(self._path)
            if folder == self._folder:
                continue
            self._folder = folder
            try:
                self.predictor = await asyncio.to_thread(self._load, folder)
            except (BundleError, OSError) as error:
                self._loaded(False, str(error))
