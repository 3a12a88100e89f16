"""Mistakes in dispatches: what is bound, grids, threadgroups and their memory."""

from __future__ import annotations

from tests.metal.double import TOO_OLD, Faults
from tests.metal.mistakes.planting import (
    FOUR,
    GROUP,
    ONE,
    launch,
    planted,
    with_memory,
)
from tests.metal.sequences import Driver


@planted("a dispatch without a compute pipeline state")
def no_pipeline(d: Driver) -> None:
    with d.encoding() as (_, encoder):
        encoder.dispatchThreads_threadsPerThreadgroup_(ONE, GROUP)


@planted(r"add: buffer index 1 \(b\) is not bound")
def a_missing_binding(d: Driver) -> None:
    launch(d, "add", d.buffer(1), ..., d.buffer())


@planted(r"add: buffer index 0 \(a\) is not bound")
def nil_for_a_buffer(d: Driver) -> None:
    launch(d, "add", None, d.buffer(1), d.buffer())


@planted("offset 2 is no multiple of 4")
def an_offset_that_is_not_aligned(d: Driver) -> None:
    launch(d, "scale", (d.buffer(1), 2), FOUR)


@planted("offset 300 is outside of a buffer of 256 bytes")
def an_offset_outside_of_the_buffer(d: Driver) -> None:
    launch(d, "scale", (d.buffer(1), 300), FOUR)


@planted("has 0 bytes from its offset on, the argument has 4")
def an_offset_at_the_end_of_the_buffer(d: Driver) -> None:
    launch(d, "scale", (d.buffer(1), 256), FOUR)


@planted("has 2 bytes from its offset on, the argument has 4")
def too_few_bytes_for_a_value(d: Driver) -> None:
    launch(d, "scale", d.buffer(1), b"12")


@planted("an offset is set at buffer index 0, where no buffer is bound")
def an_offset_without_a_buffer(d: Driver) -> None:
    with d.encoding() as (_, encoder):
        encoder.setBytes_length_atIndex_(FOUR, 4, 0)
        encoder.setBufferOffset_atIndex_(4, 0)


@planted("4100 inline bytes: setBytes takes 1 to 4096")
def too_many_inline_bytes(d: Driver) -> None:
    launch(d, "add", bytes(4100), d.buffer(1), d.buffer())


@planted("is written by the kernel, and bound to inline bytes")
def inline_bytes_that_are_written(d: Driver) -> None:
    launch(d, "add", d.buffer(1), d.buffer(1), bytes(256))


@planted("index 31: an argument table has 31 slots")
def a_slot_too_many(d: Driver) -> None:
    with d.encoding() as (_, encoder):
        encoder.setBuffer_offset_atIndex_(d.buffer(), 0, 31)


@planted(r"add: 64 threads a threadgroup are more than its pipeline's maximum of 32",
         faults=Faults(pipeline_threads={"add": 32}))  # fmt: skip
def more_threads_than_the_pipeline_allows(d: Driver) -> None:
    launch(d, "add", d.buffer(1), d.buffer(1), d.buffer(), threadgroup=(8, 8, 1))


@planted("the grid .* is empty")
def an_empty_grid(d: Driver) -> None:
    launch(d, "scale", d.buffer(1), FOUR, grid=(0, 1, 1))


@planted("the threadgroup .* is empty")
def an_empty_threadgroup(d: Driver) -> None:
    launch(d, "scale", d.buffer(1), FOUR, threadgroup=(32, 1, 0))


@planted(r"threadgroup memory at index 0 \(tile\) has no length")
def no_length_of_threadgroup_memory(d: Driver) -> None:
    launch(d, "reverse", d.buffer(1))


@planted("threadgroup memory of 132 bytes is no multiple of 16")
def threadgroup_memory_that_is_not_aligned(d: Driver) -> None:
    with_memory(d, 132)


@planted("32784 bytes of threadgroup memory are more than the device's 32768")
def too_much_threadgroup_memory_in_all(d: Driver) -> None:
    with_memory(d, 32768, 16)


@planted("dispatchThreads needs the family Apple4", profile=TOO_OLD)
def nonuniform_threadgroups_on_an_old_gpu(d: Driver) -> None:
    launch(d, "scale", d.buffer(1), FOUR)
