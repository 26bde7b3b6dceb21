"""The model that answers, and its replacement when the path that it was loaded from leads elsewhere."""

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from kdops.deploy.predictor import BundleError, Predictor

_LOOK_S = 0.5


class Current:
    """The loaded model of one worker.

    Where the path is a link that somebody lets point to another bundle, that one is loaded beside the old, verified as
    `Predictor.load` does, and answers from the next batch on. One that cannot be loaded is told once and left alone.

    Args:
        path: A bundle's folder, or a link to one.
        threads: CPU threads of a prediction.
        told: Called after each load: whether it went well, and of which folder, or why not.

    Raises:
        BundleError: The first one cannot be loaded.
    """

    def __init__(self, path: Path, threads: int, told: Callable[[bool, str], None]) -> None:
        self._path, self._threads, self._told = path, threads, told
        self._folder = os.path.realpath(path)
        self.predictor = self._load(self._folder)

    def _load(self, folder: str) -> Predictor:
        predictor = Predictor.load(folder, threads=self._threads)
        self._told(True, folder)
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
                self._told(False, str(error))
