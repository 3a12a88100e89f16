"""No text makes the reader of MSL fail other than with an MslError."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from metal_runtime.errors import MslError
from metal_runtime.msl.library import read_library
from metal_runtime.msl.msl_to_cpp import translate
from metal_runtime.program import CompileOptions
from tests.msl.wrong_programs import WRONG_PROGRAMS

PIECES = """kernel void f g ( ) { } [ [ ] ] < > ; , : :: = * & device constant thread threadgroup const float float4 uint
template typename T struct S enum namespace using metal operator + - return if 1.0 0 "x" buffer 3 thread_position_in_grid
[[buffer(0)]] [[thread_position_in_grid]] [[kernel]] host_name function_constant static inline extern "C" ~ ...
template[[host_name("h")]] decltype(f<float>) f<float>; [[threadgroup(0)]] constant\tint\tc[[function_constant(0)]];
typedef ? : << && is_function_constant_defined(c) template<typename\tT>kernel\tvoid\tf(device\tT*x) threadgroup_barrier();""".split(
    "\n"
)
PIECES = [piece.replace("\t", " ") for line in PIECES for piece in line.split(" ")]


def read(text: str) -> None:
    try:
        library = read_library(text, "fuzz.metal", CompileOptions())
        for name in (*library.kernels, *library.problems):
            translate(library, name)
    except MslError as error:
        str(error)


@given(st.lists(st.sampled_from(PIECES), max_size=40))
@settings(max_examples=400, deadline=None)
def test_heaps_of_tokens(pieces: list[str]) -> None:
    read(" ".join(pieces))


@given(st.sampled_from(sorted(WRONG_PROGRAMS.values())), st.data())
@settings(max_examples=200, deadline=None)
def test_programs_with_a_piece_cut_out(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 30)))
    damaged = text[:start] + text[end:]
    if "#define" not in damaged:  # those would start the compiler's preprocessor each time
        read(damaged)


@given(st.text(alphabet="kernel void f(){}[]<>*&=;:,#\"'/\\\n ", max_size=60))
@settings(max_examples=200, deadline=None)
def test_heaps_of_characters(text: str) -> None:
    if "#" not in text:
        read(text)
