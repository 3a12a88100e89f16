"""A Recording in; one HTML page out that needs no network."""

from metal_runtime.recording.recording import Recording


def page(recording: Recording) -> str:
    raise NotImplementedError
