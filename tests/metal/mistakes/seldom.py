"""Mistakes that are seldom made, one for each rule that no other breaks."""

from __future__ import annotations

import mmap

from tests.metal.double import TWO_GPUS, NotInDouble
from tests.metal.mistakes.planting import (
    FOUR,
    heap,
    launch,
    planted,
    residency,
    with_memory,
)
from tests.metal.sequences import CONSTANT_SOURCE, PRIVATE, Driver, signal


@planted("the double does not know Metal.MTLTextureDescriptor", NotInDouble)
def a_class_that_the_double_has_not(d: Driver) -> None:
    d.Metal.MTLTextureDescriptor.alloc()


@planted("there is no dispatch type 2")
def an_unknown_dispatch_type(d: Driver) -> None:
    with d.encoding(2):
        pass


@planted("commit after an encoder was released without endEncoding")
def a_commit_after_a_dropped_encoder(d: Driver) -> None:
    with d.pool():
        buffer = d.queue.commandBuffer()
        with d.pool():
            buffer.computeCommandEncoder()
        d.world.violations.clear()
        buffer.commit()


@planted("an event of another device", profile=TWO_GPUS)
def an_event_of_another_gpu(d: Driver) -> None:
    d.submit(signal(Driver(d.world, 1).device.newEvent(), 1))


@planted("a function of another device", profile=TWO_GPUS)
def a_function_of_another_gpu(d: Driver) -> None:
    function = Driver(d.world, 1).library()[0].newFunctionWithName_("add")
    d.device.newComputePipelineStateWithFunction_error_(function, None)


@planted("a residency set of another device", profile=TWO_GPUS)
def a_residency_set_of_another_gpu(d: Driver) -> None:
    d.queue.addResidencySet_(residency(Driver(d.world, 1)))


@planted("an allocation of another device in a residency set", profile=TWO_GPUS)
def memory_of_another_gpu_in_a_residency_set(d: Driver) -> None:
    residency(d).addAllocation_(Driver(d.world, 1).buffer())


@planted("a buffer of a heap in a residency set")
def a_part_of_a_heap_in_a_residency_set(d: Driver) -> None:
    residency(d).addAllocation_(heap(d, placement=False).newBufferWithLength_options_(16, 0))


@planted("not in the residency set is removed")
def removing_what_was_never_added(d: Driver) -> None:
    residency(d).removeAllocation_(d.buffer())


@planted("newBufferWithBytes: makes shared buffers")
def private_memory_from_bytes(d: Driver) -> None:
    d.device.newBufferWithBytes_length_options_(b"1234", 4, PRIVATE)


@planted("bytesNoCopy makes shared buffers only")
def private_memory_without_a_copy(d: Driver) -> None:
    pages = mmap.mmap(-1, mmap.PAGESIZE)
    d.device.newBufferWithBytesNoCopy_length_options_deallocator_(
        pages, mmap.PAGESIZE, PRIVATE, None
    )


@planted("a heap must have a size")
def a_heap_without_a_size(d: Driver) -> None:
    d.device.newHeapWithDescriptor_(d.Metal.MTLHeapDescriptor.new())


@planted("heaps are shared or private")
def a_managed_heap(d: Driver) -> None:
    descriptor = d.Metal.MTLHeapDescriptor.new()
    descriptor.setSize_(4096)
    descriptor.setStorageMode_(d.Metal.MTLStorageModeManaged)
    d.device.newHeapWithDescriptor_(descriptor)


@planted("buffers with storage mode 1")
def managed_memory(d: Driver) -> None:
    d.buffer(options=16)


@planted("only a placement heap makes buffers at offsets")
def a_place_in_an_automatic_heap(d: Driver) -> None:
    heap(d, placement=False).newBufferWithLength_options_offset_(16, 0, 0)


@planted("a buffer must have a length")
def an_empty_buffer_of_a_heap(d: Driver) -> None:
    heap(d).newBufferWithLength_options_offset_(0, 0, 0)


@planted("a queue must have room")
def a_queue_without_room(d: Driver) -> None:
    d.device.newCommandQueueWithMaxCommandBufferCount_(0)


@planted("threadgroup memory of 65536 bytes: the device has 32768")
def too_much_threadgroup_memory_at_one_index(d: Driver) -> None:
    with_memory(d, 65536)


@planted("a blit copies bytes onto themselves")
def a_blit_onto_itself(d: Driver) -> None:
    memory = d.buffer(1)
    d.submit(d.copying(memory, memory, 8))


@planted("a blit of no bytes")
def a_blit_of_nothing(d: Driver) -> None:
    d.submit(d.copying(d.buffer(1), d.buffer(), 0))


@planted("is larger than 32 bits")
def a_grid_that_no_position_can_count(d: Driver) -> None:
    launch(d, "scale", d.buffer(1), FOUR, grid=(1 << 33, 1, 1))


@planted("there is no such math mode")
def an_unknown_math_mode(d: Driver) -> None:
    options = d.Metal.MTLCompileOptions.new()
    options.setMathMode_(7)
    d.device.newLibraryWithSource_options_error_("", options, None)


@planted("preprocessor macros must map names to text")
def a_macro_without_a_text(d: Driver) -> None:
    d.library("", NAME=None)


@planted("no function constant has index 70000")
def an_index_that_no_function_constant_has(d: Driver) -> None:
    values = d.constant_values()
    values.setConstantValue_type_atIndex_(FOUR, d.Metal.MTLDataTypeInt, 70_000)


@planted("pyobjc takes no bytes for setConstantValue:type:atIndex:")
def a_function_constant_that_was_not_described(d: Driver) -> None:
    values = d.Metal.MTLFunctionConstantValues.new()
    values.setConstantValue_type_atIndex_(FOUR, d.Metal.MTLDataTypeInt, 3)


@planted("function constant factor has 4 bytes, given 2")
def too_few_bytes_for_a_function_constant(d: Driver) -> None:
    values = d.constant_values()
    values.setConstantValue_type_atIndex_(b"12", d.Metal.MTLDataTypeInt, 3)
    library, _ = d.library(CONSTANT_SOURCE)
    library.newFunctionWithName_constantValues_error_("times", values, None)


@planted("pipeline options 64 hold unknown bits")
def pipeline_options_that_do_not_exist(d: Driver) -> None:
    descriptor = d.Metal.MTLComputePipelineDescriptor.new()
    descriptor.setComputeFunction_(d.library()[0].newFunctionWithName_("add"))
    d.device.newComputePipelineStateWithDescriptor_options_reflection_error_(
        descriptor, 64, None, None
    )


@planted("a pipeline descriptor without computeFunction")
def nothing_for_an_archive(d: Driver) -> None:
    archive, _ = d.device.newBinaryArchiveWithDescriptor_error_(
        d.Metal.MTLBinaryArchiveDescriptor.new(), None
    )
    archive.addComputePipelineFunctionsWithDescriptor_error_(
        d.Metal.MTLComputePipelineDescriptor.new(), None
    )


@planted("no path: ''")
def a_file_without_a_path(d: Driver) -> None:
    import Foundation

    Foundation.NSURL.fileURLWithPath_("")
