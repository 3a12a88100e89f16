"""A program that four threads launch kernels in; it does what it is told on standard input, and says so."""

import os
import signal
import sys
import threading
import time

import numpy as np

from metal_runtime import api, kernel, metal
from metal_runtime.logging import get_logger
from metal_runtime.recording.recorder import RECORDER

counts = [0] * 4
pace = {"pause": 0.1}  # seconds between 50 launches of a thread
stop = threading.Event()


@kernel(param_types={"a": "device const float*", "out": "device float*", "n": "uint"})
def increment(a, out, n):
    i = metal.thread_id()
    if i < n:
        out[i] = a[i] + 1.0


def work(index):
    a, out = api.asarray(np.ones(999, np.float32)), api.empty((999,), np.float32)
    while not stop.is_set():
        for _ in range(50):
            increment(a, out, 999, threads=999)
        counts[index] += 50
        time.sleep(pace["pause"])


def fork():
    """A child with a socket of its own, which lives until it is told to end."""
    child = os.fork()
    if child == 0:
        api.asarray(np.ones(3, np.float32)).numpy()
        say("child", os.getpid())
        time.sleep(60)
        os._exit(0)
    return child


def say(*words):
    print(*words, flush=True)


def obey():
    for line in sys.stdin:
        match line.split():
            case ["count"]:
                say("count", sum(counts), time.perf_counter_ns())
            case ["recording"]:
                say("recording", int(RECORDER.on))
            case ["log"]:
                get_logger("test").warning("a line of the log")
                say("logged", 1)
            case ["pause", seconds]:
                pace["pause"] = float(seconds)
                say("paused", 1)
            case ["fork"]:
                fork()
            case ["exit"]:
                break


def main():
    signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # shells ignore it for what they run behind
    api.asarray(np.ones(1, np.float32))  # the device opens
    threads = [threading.Thread(target=work, args=(i,), name=f"worker {i}") for i in range(4)]
    for thread in threads:
        thread.start()
    say("ready")
    try:
        obey()
    except KeyboardInterrupt:
        say("interrupted", 1)
    stop.set()
    for thread in threads:
        thread.join()


main()
