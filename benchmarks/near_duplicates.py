"""Search for near-duplicates across splits, 87,000 images: seconds, and beside it the hashes alone in faiss.

The images are recordings of drifting colours, so that neighbours are twins, as in the public sets; a third is held
out. faiss-cpu is wanted for the comparison only:

    pip install faiss-cpu && python -m benchmarks.near_duplicates
"""

import json
import os
import platform
import time

import faiss
import numpy as np
from PIL import Image

from asl_pkg.data.hashing import dhash
from asl_pkg.data.split.near_duplicates import MAX_BITS, SimilarityIndex

RECORDINGS, FRAMES = 290, 300
SIDE = 32


def recording(seed: int) -> np.ndarray:
    """Frames of a pattern that drifts, uint8 [FRAMES, SIDE, SIDE, 3]."""
    rng = np.random.default_rng(seed)
    start, end = rng.uniform(0, 255, (2, 6, 6, 3))
    shares = np.linspace(0.0, 1.0, FRAMES)[:, None, None, None]
    coarse = (start * (1 - shares) + end * shares + rng.normal(0, 4, (FRAMES, 6, 6, 3))).clip(0, 255)
    return np.stack(
        [
            np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
            for image in coarse.astype("u1")
        ]
    )


def main() -> None:
    """Measure both and print one JSON object."""
    thumbnails = np.concatenate([recording(seed) for seed in range(RECORDINGS)])
    hashes = np.array([dhash(image) for image in thumbnails], np.uint64)
    held_out = np.arange(len(hashes)) % FRAMES >= FRAMES * 2 // 3
    rows, others = np.flatnonzero(~held_out), np.flatnonzero(held_out)

    start = time.perf_counter()
    near_duplicates = SimilarityIndex(hashes, thumbnails).near_duplicates(rows, others)
    ours_s = time.perf_counter() - start

    start = time.perf_counter()
    index = faiss.IndexBinaryFlat(64)
    index.add(hashes[others].view(np.uint8).reshape(-1, 8))
    bounds, _, _ = index.range_search(hashes[rows].view(np.uint8).reshape(-1, 8), MAX_BITS + 1)
    faiss_s = time.perf_counter() - start

    print(
        json.dumps(
            {
                "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
                "images": len(hashes),
                "compared": f"{len(rows):,} with {len(others):,}",
                "pairs_of_near_hashes": int(bounds[-1]),
                "twins_left_out": len(near_duplicates),
                "ours_with_pixels_s": round(ours_s, 1),
                "faiss_hashes_alone_s": round(faiss_s, 1),
                "ratio": round(ours_s / faiss_s, 1),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
