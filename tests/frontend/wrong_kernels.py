"""Kernels with one fault each, in the order of docs/language.md. tests/golden/errors has the text of each error.

Lines may only be added at the end: the golden texts name them.
"""
# ruff: noqa
# mypy: ignore-errors

import enum
import functools
import math

import numpy as np

from metal_runtime import language as metal

TABLE = [1.0, 2.0, 3.0]
ARRAY = np.arange(4, dtype=np.float32)
PAIR = (1.0, 2.0)
HUGE = 1e300
NAME = "iris"
NOTHING = None
LIMIT = 100


class Mode(enum.Enum):
    FAST = 1


class KernelLike:
    def __init__(self, func):
        self.func, self.param_types = func, {}


def helper(x, y):
    return x * y


def recursive(n: "int") -> "int":
    return recursive(n - 1) if n > 0 else 0


def half_returning(x):
    if x > 0.0:
        return x


def two_results(x, k: "int"):
    if k > 0:
        return x
    return k


def writes(p, v):
    p[0] = v


def bad_inside(x):
    return x.y


decorated = KernelLike(helper)
partial_helper = functools.partial(helper, 2.0)


# --- statements and expressions that have no meaning ---


def statement_class(x: "device float*"):
    class Inner:
        pass


def statement_def(x: "device float*"):
    def inner(y):
        return y


def statement_lambda(x: "device float*"):
    f = lambda y: y


def statement_try(x: "device float*"):
    try:
        x[0] = 1.0
    except ValueError:
        pass


def statement_with(x: "device float*"):
    with open("file") as f:
        pass


def statement_raise(x: "device float*"):
    raise ValueError("no")


def statement_assert(x: "device float*"):
    assert x[0] > 0.0, "must be positive"


def statement_del(x: "device float*"):
    y = x[0]
    del y


def statement_global(x: "device float*"):
    global LIMIT
    LIMIT = 3


def statement_import(x: "device float*"):
    import math


def statement_match(n: "int"):
    match n:
        case 0:
            pass


def statement_print(x: "device float*"):
    print(x[0])


def expression_list(x: "device float*"):
    values = [x[0], x[1]]


def expression_dict(x: "device float*"):
    values = {0: x[0]}


def expression_comprehension(x: "device float*"):
    total = sum(x[i] for i in range(10))


def expression_string(x: "device float*"):
    mode = "fast"


def expression_f_string(x: "device float*"):
    text = f"{x[0]}"


def expression_none(x: "device float*"):
    y = None


def expression_complex(x: "device float*"):
    y = 2j * x[0]


def expression_walrus(x: "device float*"):
    if (y := x[0]) > 0.0:
        x[0] = y


def expression_slice(x: "device float*"):
    x[0:4] = 0.0


def expression_matmul(a: "device float4*", b: "device float4*"):
    a[0] = a[0] @ b[0]


def expression_in(n: "int", x: "device float*"):
    if n in (1, 2, 3):
        x[0] = 1.0


def expression_is(n: "int", x: "device float*"):
    if n is LIMIT:
        x[0] = 1.0


def expression_star(x: "device float*"):
    x[0] = helper(*PAIR)


def expression_no_effect(x: "device float*"):
    x[0] == 1.0


def expression_unused_result(x: "device float*"):
    math.sqrt(x[0])


def expression_yield(x: "device float*"):
    yield x[0]


def loop_over_buffer(x: "device float*"):
    for value in x:
        pass


def loop_enumerate(x: "device float*"):
    for i, value in enumerate(x):
        pass


def loop_reversed(x: "device float*", n: "int"):
    for i in reversed(range(n)):
        x[i] = 0.0


def loop_else(x: "device float*", n: "int"):
    for i in range(n):
        x[i] = 0.0
    else:
        x[0] = 1.0


def loop_unsigned_down(x: "device float*", n: "uint"):
    for i in range(n - 1, -1, -1):
        x[i] = 0.0


def loop_zero_step(x: "device float*", n: "int"):
    for i in range(0, n, 0):
        x[i] = 0.0


def loop_float_bound(x: "device float*", n: "float"):
    for i in range(n):
        x[i] = 0.0


def loop_variable_float(x: "device float*"):
    i = x[0]
    for i in range(3):
        x[i] = 0.0
    x[0] = i


# --- parameters and type texts ---


def parameter_default(x: "device float*", n: "int" = 3):
    x[0] = n


def parameter_star(*x):
    pass


def parameter_keyword_only(x: "device float*", *, n: "int"):
    x[0] = n


def parameter_without_type(x: "device float*", n):
    x[0] = n


def parameter_double(x: "device double*"):
    x[0] = 1.0


def parameter_misspelt(x: "device flaot*"):
    x[0] = 1.0


def parameter_no_space(x: "float*"):
    x[0] = 1.0


def parameter_reference(x: "device float&"):
    x = 1.0


def parameter_threadgroup(x: "threadgroup const float*"):
    x[0] = 1.0


def parameter_annotation_name(x: TABLE):
    pass


def parameter_float64(x: np.float64):
    pass


# --- names ---


def name_undefined(x: "device float*", width: "int"):
    x[0] = widht


def name_near_metal(x: "device float*"):
    i = thread_id_x()
    x[i] = 0.0


def name_not_in_metal(x: "device float*"):
    i = metal.thread_idx()
    x[i] = 0.0


def name_not_in_math(x: "device float*"):
    x[0] = math.sqrrt(x[1])


def name_unassigned(x: "device float*"):
    x[0] = total
    total = 1.0


def name_never_assigned_on_path(x: "device float*", n: "int"):
    if n > 0:
        y = x[n]
        return
    x[0] = y


def name_pointer_assigned(x: "device float*", y: "device float*"):
    x = y


def name_pointer_to_variable(x: "device float*"):
    y = x
    y[0] = 1.0


def name_constant_assigned(x: "device float*"):
    PAIR[0] = x[0]


def name_list_outside(x: "device float*"):
    x[0] = TABLE[1]


def name_array_outside(x: "device float*"):
    x[0] = ARRAY[1]


def name_enum_outside(x: "device float*", n: "int"):
    if n == Mode.FAST:
        x[0] = 1.0


def name_text_outside(x: "device float*"):
    x[0] = NAME


def name_none_outside(x: "device float*"):
    x[0] = NOTHING


def name_huge_outside(x: "device float*"):
    x[0] = HUGE


def name_function_as_number(x: "device float*"):
    x[0] = math.sqrt


def tuple_index_runtime(x: "device float*", n: "int"):
    x[0] = PAIR[n]


def tuple_index_out_of_range(x: "device float*"):
    x[0] = PAIR[2]


def tuple_as_variable(x: "device float*"):
    pair = x[0], x[1]


def tuple_count(x: "device float*"):
    a, b, c = PAIR


def tuple_of_number(x: "device float*"):
    a, b = x[0]


# --- types ---


def type_two(x: "device float*", n: "uint"):
    value = n
    value = x[0]


def type_two_in_branches(x: "device float*", h: "device half*", n: "int"):
    if n > 0:
        value = x[n]
    else:
        value = h[n]
    x[0] = value


def type_float_into_int_buffer(out: "device int*", x: "device const float*"):
    out[0] = x[0] * 2.0


def type_float_into_declared_int(x: "device float*"):
    count: "int" = 0
    count += x[0]


def type_literal_too_large(out: "device uchar*"):
    out[0] = 300


def type_number_into_bool(out: "device bool*", n: "int"):
    out[0] = n


def type_half_with_bfloat(x: "device float*", h: "half", b: "bfloat"):
    x[0] = h * b


def type_integer_division_of_literals(x: "device float*"):
    x[0] = 1 / 3


def type_const_store(x: "device const float*"):
    x[0] = 1.0


def type_constant_store(x: "constant float*"):
    x[0] += 1.0


def type_float_index(x: "device float*", n: "int"):
    x[n / 2.0] = 0.0


def type_negative_index(x: "device float*"):
    x[0] = x[-1]


def type_pair_index(x: "device float*", r: "int", c: "int"):
    x[r, c] = 0.0


def type_vector_index(x: "device float*"):
    x[metal.thread_id_2d()] = 0.0


def type_pointer_as_number(x: "device float*", y: "device float*"):
    x[0] = y + 1.0


def type_pointer_shape(x: "device float*"):
    n = x.shape


def type_number_indexed(x: "device float*"):
    y = x[0]
    x[1] = y[0]


def type_bits_of_float(x: "device float*"):
    x[0] = x[0] & 1


def type_and_of_numbers(x: "device float*", n: "int", m: "int"):
    both = n and m


def type_not_of_number(x: "device float*"):
    y = not x[0]


def type_invert_bool(n: "int", x: "device float*"):
    flag = n > 0
    if ~flag:
        x[0] = 1.0


def type_unsigned_below_zero(n: "uint", x: "device float*"):
    if n - 5 < -1:
        x[0] = 1.0


def type_negative_shift(n: "int", x: "device int*"):
    x[0] = n << -1


def type_negative_power(n: "int", x: "device float*"):
    x[0] = n**-2


def type_division_by_literal_zero(x: "device int*"):
    x[0] = LIMIT // 0


def type_unknown(x: "device float*"):
    while x[0] > 0.0:
        x[0] = later
        later = later + 1


def type_declared_twice(x: "device float*", n: "int"):
    if n > 0:
        y: "float" = 1.0
    else:
        y: "int" = 2


def type_of_parameter_again(n: "int", x: "device float*"):
    n: "uint" = 3
    x[0] = n


# --- vectors ---


def vector_widths(a: "device float4*", b: "device float2*"):
    a[0] = a[0] + b[0]


def vector_elements(a: "device float4*", b: "device int4*"):
    a[0] = a[0] * b[0]


def vector_into_scalar(x: "device float*", v: "float4"):
    x[0] = v


def vector_narrower(a: "device float4*", v: "float2"):
    a[0] = v


def vector_component(x: "device float*", v: "float2"):
    x[0] = v.z


def vector_attribute(x: "device float*", v: "float2"):
    x[0] = v.length


def vector_scalar_component(x: "device float*", s: "float"):
    x[0] = s.x


def vector_index_range(x: "device float*", v: "float3"):
    x[0] = v[3]


def vector_constructor_count(a: "device float4*"):
    a[0] = metal.float4(1.0, 2.0)


def vector_double_component(v: "float4", a: "device float4*"):
    v.xx = v.yz
    a[0] = v


def vector_condition(a: "device float4*"):
    if a[0] > 0.0:
        a[0] = 0.0


def vector_float_with_int(a: "device int4*"):
    a[0] = a[0] * 0.5


def vector_buffer_component(a: "device float4*"):
    a[0] = a.x


def vector_chained_comparison(a: "device float4*", x: "device float*"):
    x[0] = 1.0 if 0.0 < a[0] < 1.0 else 0.0


def vector_method(v: "float3", x: "device float*"):
    x[0] = v.dot(v)


# --- calls ---


def call_count(x: "device float*"):
    x[0] = helper(x[1])


def call_keyword(x: "device float*"):
    x[0] = helper(x[1], z=2.0)


def call_of_kernel(x: "device float*"):
    x[0] = decorated(x[0], x[1])


def call_of_partial(x: "device float*"):
    x[0] = partial_helper(x[1])


def call_recursive(x: "device int*"):
    x[0] = recursive(x[1])


def call_may_not_return(x: "device float*"):
    x[0] = half_returning(x[1])


def call_two_results(x: "device float*"):
    x[0] = two_results(x[1], 3)


def call_without_result(x: "device float*"):
    x[0] = writes(x, 1.0)


def call_writes_const(x: "device const float*", y: "device float*"):
    writes(x, y[0])


def call_bad_inside(x: "device float*"):
    x[0] = bad_inside(x[1])


def call_of_builtin(x: "device float*"):
    x[0] = sorted(PAIR)


def call_of_variable(x: "device float*"):
    scale = x[0]
    x[1] = scale(2.0)


def call_math_count(x: "device float*"):
    x[0] = math.atan2(x[0])


def call_metal_type(x: "device float*"):
    x[0] = metal.dot(x[0], x[1])


def call_axis(x: "device float*", n: "int"):
    x[0] = metal.program_id(n)


def call_barrier(x: "device float*"):
    x[0] = 1.0
    x[1] = metal.threadgroup_barrier()


def call_len_of_buffer(x: "device float*"):
    x[0] = len(x)


def call_float64(x: "device float*"):
    x[0] = np.float64(x[1])


def call_range_elsewhere(n: "int", x: "device float*"):
    r = range(n)


def call_round_digits(x: "device float*"):
    x[0] = round(x[0], 2)


def return_value(x: "device float*"):
    return x[0]


def int_of_vector(v: "float2", x: "device int*"):
    x[0] = int(v)


def non_ascii(größe: "device float*", ä: "int"):
    größe[0] = größe["ä"]  # the caret stands under the text, not two columns to the right


def __hidden__(x: "device float*"):
    x[0] = 1.0


def type_buffer_in_tuple(x: "device float*", y: "device float*"):
    x, y = y, x


def vector_unassigned(x: "device float*"):
    v.x = x[0]


def type_augmented_number(n: "int", x: "device float*"):
    total = n
    total *= 0.5
    x[0] = total


def loop_variable_half(x: "device float*", h: "half"):
    total = h
    for k in range(4):
        total = total * 2.0
    x[0] = total


def type_division_by_zero(n: "int", x: "device int*"):
    x[0] = n % 0


def call_undefined(x: "device float*"):
    x[0] = unknown_function(x)


def array_in_branch(x: "device float*", n: "uint"):
    if n > 4:
        tile = metal.threadgroup_array(metal.float, 32)
        tile[0] = x[0]


def array_in_loop(x: "device float*", n: "uint"):
    for k in range(n):
        own = metal.thread_array(metal.float, 4)
        own[0] = x[k]


def array_extent_at_run_time(x: "device float*", n: "uint"):
    tile = metal.threadgroup_array(metal.float, n)
    tile[0] = x[0]


def array_too_large(x: "device float*"):
    tile = metal.threadgroup_array(metal.float, (96, 96))
    tile[0, 0] = x[0]


def array_too_large_together(x: "device float*"):
    a = metal.threadgroup_array(metal.float, (64, 64))
    b = metal.threadgroup_array(metal.float4, 1025)
    a[0, 0] = x[0]
    b[0] = metal.float4(x[1])


def array_empty(x: "device float*"):
    tile = metal.threadgroup_array(metal.float, 0)


def array_without_extent(x: "device float*"):
    tile = metal.threadgroup_array(metal.float)


def array_of_double(x: "device float*"):
    tile = metal.threadgroup_array(np.float64, 16)


def array_of_matrices(x: "device float*"):
    tile = metal.threadgroup_array(metal.simdgroup_float8x8, 16)


def array_without_name(x: "device float*"):
    x[0] = metal.threadgroup_array(metal.float, 16)[0]


def array_assigned(x: "device float*"):
    tile = metal.threadgroup_array(metal.float, 16)
    tile = x[0]


def array_used_before(x: "device float*"):
    x[0] = tile[0]
    tile = metal.threadgroup_array(metal.float, 16)


def array_as_number(x: "device float*"):
    tile = metal.threadgroup_array(metal.float, 16)
    x[0] = tile + 1.0


def array_row_as_number(x: "device float*"):
    tile = metal.threadgroup_array(metal.float, (16, 17))
    x[0] = tile[3]


def array_too_many_subscripts(x: "device float*"):
    tile = metal.threadgroup_array(metal.float, (16, 17))
    x[0] = tile[3, 4, 5]


def array_beyond_extent(x: "device float*"):
    tile = metal.threadgroup_array(metal.float, (16, 17))
    tile[3, 17] = x[0]


def array_before_start(x: "device float*"):
    tile = metal.threadgroup_array(metal.float, 16)
    tile[-1] = x[0]


def helper_with_array(x):
    tile = metal.threadgroup_array(metal.float, 16)
    tile[0] = x
    return tile[0]


def array_in_callee(x: "device float*"):
    x[0] = helper_with_array(x[1])


def array_to_wrong_parameter(x: "device float*"):
    tile = metal.threadgroup_array(metal.float, 16)
    writes_device(tile, x[0])


def writes_device(p: "device float*", v):
    p[0] = v


def barrier_under_condition(x: "device float*", n: "uint"):
    i = metal.thread_id()
    if i < n:
        x[i] = 1.0
        metal.threadgroup_barrier()


def barrier_in_loop_of_the_thread(x: "device float*", n: "uint"):
    for k in range(metal.thread_index_in_threadgroup, n, 64):
        x[k] = 1.0
        metal.threadgroup_barrier()


def barrier_flags(x: "device float*"):
    metal.threadgroup_barrier(3)


def helper_with_barrier(x, k):
    metal.threadgroup_barrier()
    return x[k]


def barrier_in_callee(x: "device float*"):
    t = metal.thread_index_in_threadgroup
    half = t // 2
    while half > 1:
        x[t] = helper_with_barrier(x, half)
        half -= 1


def simd_of_bool(x: "device int*", n: "uint"):
    x[0] = metal.simd_sum(n > 4)


def simd_of_long(x: "device long*"):
    x[0] = metal.simd_max(x[1])


def simd_bits_of_float(x: "device float*"):
    x[0] = metal.simd_xor(x[1])


def simd_lane_of_float(x: "device float*"):
    x[0] = metal.simd_shuffle(x[1], x[2])


def simd_lane_out_of_range(x: "device float*"):
    x[0] = metal.quad_broadcast(x[1], 4)


def simd_count(x: "device float*"):
    x[0] = metal.simd_shuffle_down(x[1])


def simd_unused(x: "device float*"):
    metal.simd_sum(x[0])


def atomic_of_half(h: "device half*"):
    metal.atomic_fetch_add(h, 0, 1.0)


def atomic_float_max(x: "device atomic_float*"):
    metal.atomic_fetch_max(x, 0, 1.0)


def atomic_without_element(x: "device atomic_uint*"):
    metal.atomic_fetch_add(x, 1)


def atomic_of_variable(x: "device uint*"):
    count = x[0]
    metal.atomic_fetch_add(count, 1)


def atomic_of_const(x: "device const atomic_uint*"):
    metal.atomic_fetch_add(x[0], 1)


def atomic_of_float_value(x: "device atomic_uint*", v: "float"):
    metal.atomic_fetch_add(x[0], v)


def atomic_augmented(x: "device atomic_uint*"):
    x[2] += 1


def atomic_type_called(x: "device uint*"):
    x[0] = metal.atomic_uint(3)


def matrix_arithmetic(x: "device float*"):
    a = metal.simdgroup_load(x[0], 8)
    b = a + 1.0


def matrix_out_parameter(x: "device float*"):
    a = metal.simdgroup_load(x[0], 8)
    c = metal.simdgroup_float8x8(0.0)
    metal.simdgroup_multiply_accumulate(c, a, a, c)


def matrix_of_ints(x: "device int*"):
    a = metal.simdgroup_load(x[0], 8)


def matrix_of_two_types(x: "device float*", h: "device half*"):
    a = metal.simdgroup_load(x[0], 8)
    b = metal.simdgroup_load(h[0], 8)
    c = metal.simdgroup_multiply(a, b)


def matrix_stored_elsewhere(x: "device float*", h: "device half*"):
    metal.simdgroup_store(metal.simdgroup_load(x[0], 8), h[0], 8)


def matrix_of_a_number(x: "device float*"):
    a = metal.simdgroup_load(x[0] + 1.0, 8)


def matrix_changes_type(x: "device float*"):
    a = metal.simdgroup_load(x[0], 8)
    a = x[0]


def bits_of_another_size(x: "device half*", out: "device uint*"):
    out[0] = metal.as_type(metal.uint, x[0])


def bits_of_a_bool(x: "device float*"):
    x[0] = metal.as_type(float, x[1] > 0.0)


def bits_of_three(x: "device float3*", out: "device uint4*"):
    out[0] = metal.as_type(metal.uint4, x[0])


def bits_as_no_type(x: "device float*"):
    x[0] = metal.as_type(x, 1)


def bits_without_type(x: "device float*"):
    x[0] = metal.as_type(x[1])


def selected_by_number(x: "device float*", n: "int"):
    x[0] = metal.select(x[1], x[2], n)


def selected_by_other_width(x: "device float4*"):
    x[0] = metal.select(x[1], x[2], x[3].xy > 0.0)


def selected_of_two_types(x: "device float4*", y: "device int4*"):
    x[0] = metal.select(x[1], y[2], True)


def bits_beyond_the_width(x: "device uint*"):
    x[0] = metal.extract_bits(x[1], 28, 8)


def bits_from_a_float(x: "device float*"):
    x[0] = metal.extract_bits(x[1], 2, 3)


def offset_is_a_float(x: "device uint*"):
    x[0] = metal.extract_bits(x[1], 2.0, 3)


def power_of_a_float(x: "device float*"):
    x[0] = metal.ldexp(x[1], x[2])


def packed_of_three(x: "device float3*", out: "device uint*"):
    out[0] = metal.pack_float_to_unorm4x8(x[0])


def beside_a_bfloat(x: "device bfloat*"):
    x[0] = metal.nextafter(x[1], x[2])


def pair_as_number(x: "device float*"):
    x[0] = metal.sincos(x[1]) + 1.0


def saturated_floats(x: "device float*"):
    x[0] = metal.addsat(x[1], x[2])


def compared_without_desired(x: "device uint*"):
    found, swapped = metal.atomic_compare_exchange(x[0], 1)


def compared_as_number(x: "device uint*"):
    x[1] = metal.atomic_compare_exchange(x, 0, 1, 2)


def compared_of_short(x: "device short*"):
    found, swapped = metal.atomic_compare_exchange(x, 0, 1, 2)


def atomic_max_of_uint(x: "device uint*"):
    metal.atomic_max(x[0], 3)


def atomic_add_of_ulong(x: "device ulong*"):
    metal.atomic_fetch_add(x[0], 3)


def atomic_max_in_threadgroup(x: "device ulong*"):
    tile = metal.threadgroup_array(metal.ulong, 4)
    metal.atomic_max(tile[0], x[0])


def atomic_max_as_value(x: "device ulong*"):
    x[1] = metal.atomic_max(x[0], 3)


def fence_as_value(x: "device uint*"):
    x[0] = metal.atomic_thread_fence()


def fence_of_number(x: "device uint*"):
    metal.atomic_thread_fence(1)


def parameter_thread(x: "thread float*"):
    x[0] = 1.0


def threadgroup_parameter_to_device(tile: "threadgroup float*", x: "device float*"):
    writes_device(tile, x[0])


def takes_number(v: "float"):
    return v


def takes_matrix(a: metal.simdgroup_float8x8):
    return a


def returns_two_matrices(x: "device float*", h: "device half*", n: "int"):
    if n > 0:
        return metal.simdgroup_load(x[0], 8)
    return metal.simdgroup_load(h[0], 8)


def matrix_as_parameter(a: metal.simdgroup_float8x8):
    pass


def matrix_of_half_passed(h: "device half*"):
    a = takes_matrix(metal.simdgroup_load(h[0], 8))


def number_as_matrix(x: "device float*"):
    a = takes_matrix(x[0])


def matrix_as_number_passed(x: "device float*"):
    x[0] = takes_number(metal.simdgroup_load(x[0], 8))


def matrices_returned(x: "device float*", h: "device half*"):
    a = returns_two_matrices(x, h, 1)
