"""A pending buffer in, its elements out as the IR interpreter finds them: every kernel of the plan, without a compiler."""

from __future__ import annotations

from typing import Any

import numpy as np

from metal_runtime import MetalBuffer
from metal_runtime.graph.kernel_text import ArrayArgument, NumberArgument, Output, ScalarArgument
from metal_runtime.graph.plan import make_plan
from metal_runtime.graph.trace import RefKind, structure, trace
from metal_runtime.ir.interpret import interpret
from metal_runtime.ir.verify import verify
from metal_runtime.msl_types import Vector
from metal_runtime.passes.pipeline import optimize
from metal_runtime.runtime.sessions import get_session

POISON = 113


def interpreted(buffer: MetalBuffer) -> np.ndarray:
    """The result of the plan for ``buffer``, which stays pending."""
    traced = trace([buffer._open().value])
    plan = make_plan(get_session(), structure(traced), None)  # one that has not run has its IR
    memory: dict[Any, np.ndarray] = {}
    for place, leaf in enumerate(traced.leaves):
        assert leaf.block is not None
        raw = np.asarray(leaf.block)
        memory[RefKind.LEAF, place, 0] = raw.view(leaf.dtype.numpy_dtype)
    for step in plan.steps:
        assert step.generated is not None
        verify(step.generated.kernel)
        kernel = optimize(step.generated.kernel)
        values: dict[str, Any] = {}
        for param, argument in zip(kernel.params, step.generated.arguments, strict=True):
            if isinstance(argument, ScalarArgument):
                values[param.name] = np.frombuffer(
                    traced.scalars[argument.place], param.type.numpy_dtype
                )[0]
            elif isinstance(argument, NumberArgument):
                numbers = np.frombuffer(argument.packed, np.uint32)
                values[param.name] = numbers if isinstance(param.type, Vector) else numbers[0]
            else:
                assert isinstance(argument, ArrayArgument)
                values[param.name] = _array(argument, memory, plan)[argument.first :]
        interpret(kernel, step.generated.grid, values)
    root = plan.schedule.graph.roots[0]
    return memory[RefKind.NODE, root, 0].reshape(buffer.shape)


def _array(argument: ArrayArgument, memory: dict[Any, np.ndarray], plan: Any) -> np.ndarray:
    if isinstance(argument.ref, Output):
        output = argument.ref
        key = (RefKind.NODE, output.node, output.part)
        node = plan.schedule.graph.nodes[output.node]
        shape = getattr(node.operation, "shape", node.shape)
        size = int(np.prod(shape, dtype=int))
        return memory.setdefault(key, np.full(size, POISON).astype(output.dtype.numpy_dtype))
    kind, place = argument.ref
    return memory[kind, place, argument.part]
