"""The CPU device: all cores of any machine, through the clang of the ``ziglang`` wheel."""


def can_run_here() -> bool:
    """Everywhere."""
    return True
