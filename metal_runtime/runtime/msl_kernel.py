"""A kernel of hand-written MSL: text and a function's name -> something to launch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from metal_runtime.errors import MslError
from metal_runtime.program import MslProgram
from metal_runtime.runtime.launch import LaunchPlan
from metal_runtime.runtime.session import Session, get_session


class MslKernel:
    """The kernel called ``function_name`` in ``source``, known to ``api.launch_kernel`` as ``name``."""

    def __init__(self, name: str, source: str, function_name: str) -> None:
        if not isinstance(source, str) or not source.strip():
            raise MslError(
                f"the MSL text of kernel `{name}` is {'empty' if isinstance(source, str) else 'no string'}",
                hint="pass the text itself, for example Path('kernels.metal').read_text()",
            )
        self.name = name
        self.source = source
        self.function_name = function_name
        self._plan: LaunchPlan | None = None

    def launch(self, args: Sequence[Any], grid: Any, block: Any = None) -> None:
        """Launches ``grid`` threads in threadgroups of ``block``. Raises MslError, LaunchError, KernelFault."""
        self.prepare().launch(args, grid, block)

    def prepare(self) -> LaunchPlan:
        """Compiles for the session's device, unless that is done. Raises MslError at the text's line."""
        session = get_session()
        plan = self._plan
        if plan is None or plan.session is not session:
            pipeline = session.programs.pipeline(_program(session, self.source), self.function_name)
            plan = self._plan = LaunchPlan(self.name, pipeline, session)
        return plan

    @property
    def program(self) -> MslProgram:
        """The text with the signatures of its kernels. Raises MslError."""
        return _program(get_session(), self.source)

    def __repr__(self) -> str:
        return f"<MSL kernel {self.name!r}: function {self.function_name!r}>"


def _program(session: Session, source: str) -> MslProgram:
    """Each text is read once a session, however many kernels are taken from it."""
    program = session.msl_programs.get(source)
    if program is None:
        from metal_runtime.runtime.compile import msl_to_program  # the compiler loads when needed

        program = session.msl_programs[source] = msl_to_program(source)
    return program
