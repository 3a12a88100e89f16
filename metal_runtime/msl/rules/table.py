"""The table of Metal's rules: a name and what it means, its source, and the function that finds where it is broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from metal_runtime.msl.rules import features, forbidden, functions, kernels, space_flow, variables
from metal_runtime.msl.spaces.checked_text import CheckedText
from metal_runtime.msl.spaces.finding import Found, Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``source`` is a section of the Metal Shading Language Specification 3.2, or another page of Apple's."""

    name: str
    explanation: str
    source: str
    find: Callable[[CheckedText], Iterator[Found]]
    severity: Severity = Severity.ERROR


RULES: tuple[Rule, ...] = (
    Rule("double", "There is no double and no long double.", "MSL 2.1, Scalar Data Types", forbidden.find_double),
    Rule("memory", "There is no dynamic memory: no new, no delete.", "MSL 1.5.4, Restrictions", forbidden.find_memory),
    Rule("virtual", "There are no virtual functions.", "MSL 1.5.4, Restrictions", forbidden.find_virtual),
    Rule("exceptions", "There are no exceptions.", "MSL 1.5.4, Restrictions", forbidden.find_exceptions),
    Rule("type-identification", "There is no dynamic_cast and no typeid.", "MSL 1.5.4, Restrictions",
         forbidden.find_type_identification),
    Rule("goto", "There is no goto.", "MSL 1.5.4, Restrictions", forbidden.find_goto),
    Rule("storage", "There is no thread_local, register or static variable of a function.", "MSL 1.5.4, Restrictions",
         forbidden.find_storage),
    Rule("assembly", "There is no inline assembly.", "MSL 1.5.4, Restrictions", forbidden.find_assembly),
    Rule("standard-library", "The C++ standard library is not there.", "MSL 1.5.4, Restrictions",
         forbidden.find_standard_library),
    Rule("recursion", "No function calls itself: Metal has recursion in compute functions since MSL 2.4 only, with a "
         "call stack that the pipeline must be given.", "MSL 1.5.4, Restrictions", functions.find_recursion),
    Rule("variadic", "Functions have no variable arguments.", "MSL 1.5.4, Restrictions", functions.find_variadic),
    Rule("function-pointer", "Only visible functions are called through pointers.", "MSL 5.1.4, Visible Functions",
         functions.find_function_pointers),
    Rule("address-space-missing", "A pointer or reference names its address space.", "MSL 4, Address Spaces",
         variables.find_missing_space),
    Rule("address-space", "A pointer or reference keeps its address space: in initial values, assignments, calls, returns and "
         "casts.", "MSL 4, Address Spaces", space_flow.find_wrong_spaces),
    Rule("program-scope", "Variables at program scope are constant.", "MSL 4.2, Constant Address Space",
         variables.find_program_scope),
    Rule("variable-space", "Variables of functions are not in device memory.", "MSL 4.1, Device Address Space", variables.find_variable_space),
    Rule("kernel-result", "A kernel returns void.", "MSL 5.1.3, Compute Functions (Kernels)", kernels.find_result),
    Rule("kernel-name", "Kernels have no overloads, and none is called main.", "MSL 1.5.1, Overloading",
         kernels.find_overloaded_kernel),
    Rule("kernel-call", "No function calls a kernel.", "MSL 5.1, Functions", kernels.find_calls_of_kernels),
    Rule("kernel-parameter", "A kernel takes device, constant and threadgroup pointers or references, and thread attributes.",
         "MSL 5.2, Function Arguments and Variables", kernels.find_parameter_passing),
    Rule("resource-index", "Indices of buffers, threadgroup memory, textures and samplers are in range and given once.",
         "MSL 5.2.1, Locating Buffer, Texture, and Sampler Arguments", kernels.find_resource_indices),
    Rule("parameter-count", "At most 31 buffers.", "Metal Feature Set Tables, argument tables", kernels.find_parameter_count),
    Rule("attribute", "A parameter is bound once, by an attribute of compute kernels.",
         "MSL 5.2.3.6, Kernel Function Input Attributes", kernels.find_attributes),
    Rule("builtin-type", "Thread attributes are ushort or uint; positions are scalars, or vectors of one width.",
         "MSL 5.2.3.6, Kernel Function Input Attributes", kernels.find_builtin_types),
    Rule("family", "Kernels use what the chosen GPU family has.", "Metal Feature Set Tables, features by family",
         features.find_missing_features),
    Rule("limit", "Kernels keep to the family's threadgroup memory and threads.", "Metal Feature Set Tables, limits by family",
         features.find_over_limits),
)  # fmt: skip
