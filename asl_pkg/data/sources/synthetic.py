"""Synthetic hands: signers make recordings of every letter; some signers are only in the test."""

import io
import itertools
import multiprocessing
import os
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing.connection import wait

from PIL import Image

from asl_pkg import contract
from asl_pkg.config.schema import SyntheticData
from asl_pkg.data.chosen import chosen_labels
from asl_pkg.data.hands.generator import make_recording
from asl_pkg.data.sample import Sample, Source

JPEG_QUALITY = 90  # as common cameras use
AHEAD = 64  # recordings per worker: keeps all busy while a batch is checked, and fits into memory


def open_source(settings: SyntheticData, seed: int) -> Source:
    """Prepare the generator; no image is made yet.

    Args:
        settings: Number of signers, recordings and frames.
        seed: Seed of all images.

    Returns:
        The images, signer by signer, with splits and landmarks.
    """
    counts = (settings.train_signers, settings.validation_signers, settings.test_signers)
    splits = [split for split, count in zip(contract.SPLITS, counts, strict=True) for _ in range(count)]
    total = len(splits) * len(chosen_labels(settings.classes)) * settings.recordings * settings.frames
    return Source(lambda start: _images(settings, splits, seed, start), total, state="")


def _images(settings: SyntheticData, splits: list[str], seed: int, start: int) -> Iterator[Sample]:
    recordings, surplus = divmod(start, settings.frames)
    made = _recordings(settings, splits, seed, recordings)
    return itertools.islice(itertools.chain.from_iterable(made), surplus, None)


def _recordings(settings: SyntheticData, splits: list[str], seed: int, start: int) -> Iterator[list[Sample]]:
    everything = itertools.product(range(len(splits)), chosen_labels(settings.classes), range(settings.recordings))
    tasks = itertools.islice(everything, start, None)
    workers = os.cpu_count() or 1
    pending: deque[Future[list[Sample]]] = deque()
    # Processes: a third of the work holds Python's lock, so threads would wait for it beyond three cores.
    # Not forked: the caller has threads.
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=spawn, initializer=_end_with_parent) as pool:
        try:
            for signer, label, recording in tasks:
                pending.append(pool.submit(_record, settings, seed, signer, label, recording, splits[signer]))
                if len(pending) > AHEAD * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _end_with_parent() -> None:
    """End a worker when its pull is killed; it would wait for work forever."""

    def watch() -> None:
        parent = multiprocessing.parent_process()
        if parent is not None:
            wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _record(settings: SyntheticData, seed: int, signer: int, label: int, recording: int, split: str) -> list[Sample]:
    frames = make_recording(seed, signer, label, recording, settings.frames)
    letter = contract.CLASSES[label]
    return [
        Sample(
            data=_jpeg(Image.fromarray(frame.pixels)),
            path=f"{letter}/signer{signer:03}_recording{recording:02}_{number}.jpg",
            label=label,
            signer=f"signer{signer:03}",
            sequence=f"{letter}/recording{recording:02}",
            frame=number,
            split=split,
            landmarks_2d=frame.landmarks_2d,
            landmarks_3d=frame.landmarks_3d,
        )
        for number, frame in enumerate(frames)
    ]


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=JPEG_QUALITY)
    return file.getvalue()
