"""A pool of Python's standard library. Arguments: workers, bytes to hash, seconds to warm up, seconds to measure."""

import hashlib
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from threading import Semaphore

BLOCK = bytes(at % 251 for at in range(64 << 10))


def task(size):
    sha = hashlib.sha256()
    while size > 0:
        sha.update(BLOCK if size >= len(BLOCK) else memoryview(BLOCK)[:size])
        size -= len(BLOCK)
    return sha.digest()[:8].hex()


def drive(pool, workers, size, seconds):
    """Four tasks for each worker on their way, for so long: how many a second, and the last answer."""
    start, done, room, last = time.monotonic(), 0, Semaphore(4 * workers), None
    while time.monotonic() < start + seconds:
        room.acquire()
        last = pool.submit(task, size)
        last.add_done_callback(lambda _: room.release())
        done += 1
    for _ in range(4 * workers):
        room.acquire()
    return done / (time.monotonic() - start), last.result()


def main():
    if sys.argv[1] == "--probe":
        return
    workers, size = int(sys.argv[1]), int(sys.argv[2])
    with ProcessPoolExecutor(workers) as pool:
        drive(pool, workers, size, float(sys.argv[3]))
        rate, answer = drive(pool, workers, size, float(sys.argv[4]))
        pids = list(pool._processes)
        print(json.dumps({"rate": rate, "answer": answer, "pids": pids}), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
