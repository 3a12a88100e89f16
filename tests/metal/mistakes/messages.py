"""Mistakes in messages: arguments that a selector does not take, and in the life of command buffers and encoders."""

from __future__ import annotations

from tests.metal.double import NotInDouble, WouldHang, WrongCall
from tests.metal.mistakes.planting import (
    GROUP,
    planted,
)
from tests.metal.sequences import Driver, signal, wait

# --- messages ----------------------------------------------------------------------------------------


@planted("takes 2 arguments, not 1", WrongCall)
def too_few_arguments(d: Driver) -> None:
    d.device.newBufferWithLength_options_(16)


@planted("argument 1 .* expected an integer, got float", WrongCall)
def a_float_for_an_integer(d: Driver) -> None:
    d.device.newBufferWithLength_options_(16.0, 0)


@planted("argument 1 .* expected an integer, got int -1", WrongCall)
def a_negative_length(d: Driver) -> None:
    d.device.newBufferWithLength_options_(-1, 0)


@planted("expected a bool", WrongCall)
def an_integer_for_a_bool(d: Driver) -> None:
    d.Metal.MTLCompileOptions.new().setFastMathEnabled_(0)


@planted("expected str", WrongCall)
def bytes_for_a_string(d: Driver) -> None:
    d.queue.setLabel_(b"queue")


@planted("expected MTLComputePipelineState, got MTLFunction", WrongCall)
def a_function_for_a_pipeline_state(d: Driver) -> None:
    function = d.library()[0].newFunctionWithName_("add")
    with d.encoding() as (_, encoder):
        encoder.setComputePipelineState_(function)


@planted(r"expected None \(an out-parameter\)", WrongCall)
def something_for_an_out_parameter(d: Driver) -> None:
    d.device.newLibraryWithSource_options_error_("", None, [])


@planted("expected a tuple of 3 integers", WrongCall)
def a_grid_of_two_extents(d: Driver) -> None:
    with d.encoding() as (_, encoder):
        encoder.dispatchThreads_threadsPerThreadgroup_((64, 1), GROUP)


@planted("the memory has 4 bytes, not 8", WrongCall)
def fewer_inline_bytes_than_said(d: Driver) -> None:
    with d.encoding() as (_, encoder):
        encoder.setBytes_length_atIndex_(b"1234", 8, 0)


@planted("the double does not know MTLDevice.newDefaultLibrary", NotInDouble)
def a_selector_that_the_double_has_not(d: Driver) -> None:
    d.device.newDefaultLibrary()


@planted("looked at, the buffer has 256")
def more_contents_than_there_are(d: Driver) -> None:
    d.buffer().contents().as_buffer(257)


# --- the life of command buffers and encoders --------------------------------------------------------


@planted("commit while another encoder is open")
def commit_with_an_open_encoder(d: Driver) -> None:
    with d.pool():
        buffer = d.queue.commandBuffer()
        encoder = buffer.computeCommandEncoder()
        try:
            buffer.commit()
        finally:
            encoder.endEncoding()


@planted("commit again after the command buffer was committed")
def commit_twice(d: Driver) -> None:
    d.submit(d.scaling(d.buffer(1), 2)).commit()


@planted("an encoder is made while another encoder is open")
def two_encoders_at_once(d: Driver) -> None:
    with d.encoding() as (buffer, _):
        buffer.blitCommandEncoder()


@planted("an encoder is made after the command buffer was committed")
def encoding_after_the_commit(d: Driver) -> None:
    with d.pool():
        d.scaling(d.buffer(1), 2)(d.submit())


@planted("gets a message after endEncoding")
def a_message_after_the_end(d: Driver) -> None:
    with d.encoding() as (_, encoder):
        encoder.endEncoding()
        d.encode_scale(encoder, d.buffer(1), 2)


@planted("released without endEncoding")
def an_encoder_that_is_dropped(d: Driver) -> None:
    with d.pool():
        d.queue.commandBuffer().computeCommandEncoder()


@planted("an event's signal is encoded while another encoder is open")
def a_signal_within_an_encoder(d: Driver) -> None:
    event = d.device.newSharedEvent()
    with d.encoding() as (buffer, _):
        buffer.encodeSignalEvent_value_(event, 1)


@planted("a wait for an event is encoded after the command buffer was committed")
def a_wait_after_the_commit(d: Driver) -> None:
    event = d.device.newSharedEvent()
    wait(event, 1)(d.submit(signal(event, 1)))


@planted("a handler is added after the command buffer was committed")
def a_handler_after_the_commit(d: Driver) -> None:
    d.submit().addCompletedHandler_(print)


@planted("that was not committed")
def waiting_before_the_commit(d: Driver) -> None:
    with d.pool():
        d.queue.commandBuffer().waitUntilCompleted()


@planted("does not end", WouldHang)
def waiting_for_an_event_that_nobody_signals(d: Driver) -> None:
    d.submit(wait(d.device.newSharedEvent(), 1)).waitUntilCompleted()


@planted("64 command buffers that have not completed", WouldHang)
def more_command_buffers_than_a_queue_has(d: Driver) -> None:
    kept = [d.submit() for _ in range(65)]
    assert not kept


@planted("MTLCommandBuffer made with no autorelease pool in place")
def no_autorelease_pool(d: Driver) -> None:
    d.queue.commandBuffer()


@planted("MTLComputeCommandEncoder made with no autorelease pool in place")
def an_encoder_outside_of_the_pool(d: Driver) -> None:
    with d.pool():
        buffer = d.queue.commandBuffer()
    buffer.computeCommandEncoder()


@planted("value goes back from 2 to 1")
def an_event_that_goes_back(d: Driver) -> None:
    event = d.device.newSharedEvent()
    event.setSignaledValue_(2)
    event.setSignaledValue_(1)
