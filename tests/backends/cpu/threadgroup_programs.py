"""Random kernels whose threads meet: a seed in, MSL out that gives the same result in whatever order the threads run."""

from __future__ import annotations

import random

PARAMETERS = """device const int* x [[buffer(0)]], device int* out [[buffer(1)]], constant int& c [[buffer(2)]],
    uint3 gid [[thread_position_in_grid]], uint3 size [[threads_per_threadgroup]], uint3 grid [[threads_per_grid]],
    uint3 group [[threadgroup_position_in_grid]], uint tid [[thread_index_in_threadgroup]],
    uint lane [[thread_index_in_simdgroup]], uint simdgroup [[simdgroup_index_in_threadgroup]]"""
BARRIER = "threadgroup_barrier(mem_flags::mem_threadgroup);"


class RandomKernel:
    """Writes one kernel. ``varying`` and ``uniform`` are the variables that may be read."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.count = 0

    def text(self) -> str:
        body = self.block(["v", "int(tid)", "int(lane)", "x[at]"], ["c", "n", "int(group.x)"], 3)
        return f"""
int mix(int a, int b) {{ return a * 31 + (b ^ (a >> 3)); }}
void bump(thread int& a, int b) {{ a += b; }}
kernel void f({PARAMETERS}) {{
    threadgroup int shared[1024];
    const uint at = (gid.z * grid.y + gid.y) * grid.x + gid.x;
    const int n = int(size.x * size.y * size.z);
    int v = x[at];
{body}
    out[at] = v;
}}"""

    def expression(self, varying: list[str], uniform: list[str], depth: int = 2) -> str:
        if depth == 0 or self.random.random() < 0.3:
            return self.random.choice([*varying, *uniform, str(self.random.randint(-9, 9))])
        a, b = (self.expression(varying, uniform, depth - 1) for _ in range(2))
        form = self.random.choice(
            ["({} + {})", "({} * {})", "({} - {})", "({} ^ {})", "mix({}, {})", "max({}, {})"]
        )
        return form.format(a, b)

    def name(self) -> str:
        self.count += 1
        return f"t{self.count}"

    def block(self, varying: list[str], uniform: list[str], depth: int) -> str:
        varying, uniform = list(varying), list(uniform)
        lines = []
        for _ in range(self.random.randint(2, 6)):
            lines.append(self.statement(varying, uniform, depth))
        return "\n".join(lines)

    def statement(self, varying: list[str], uniform: list[str], depth: int) -> str:
        kinds = [
            self.assign,
            self.declare,
            self.share,
            self.reduce,
            self.constant,
            self.call,
            self.array,
        ]
        if depth:
            kinds += [self.loop, self.branch, self.own_branch, self.own_loop]
        return self.random.choice(kinds)(varying, uniform, depth)

    def assign(self, varying: list[str], uniform: list[str], depth: int) -> str:
        return f"v {self.random.choice(['=', '+=', '^='])} {self.expression(varying, uniform)};"

    def call(self, varying: list[str], uniform: list[str], depth: int) -> str:
        return f"bump(v, {self.expression(varying, uniform)});"

    def declare(self, varying: list[str], uniform: list[str], depth: int) -> str:
        name = self.name()
        text = f"int {name} = {self.expression(varying, uniform)};"
        varying.append(name)
        return text

    def constant(self, varying: list[str], uniform: list[str], depth: int) -> str:
        name = self.name()
        qualifier = self.random.choice(["", "const "])
        text = f"{qualifier}int {name} = {self.expression([], uniform)};"
        uniform.append(name)
        return text

    def array(self, varying: list[str], uniform: list[str], depth: int) -> str:
        name = self.name()
        text = f"int {name}[4] = {{v, {self.expression(varying, uniform)}, 3, 4}};"
        varying.append(f"{name}[v & 3]")
        return text

    def share(self, varying: list[str], uniform: list[str], depth: int) -> str:
        offset = self.random.randint(0, 40)
        value = self.expression(varying, uniform)
        return f"{BARRIER} shared[tid] = {value}; {BARRIER} v += shared[(tid + {offset}u) % uint(n)]; {BARRIER}"

    def reduce(self, varying: list[str], uniform: list[str], depth: int) -> str:
        function = self.random.choice(["simd_sum", "simd_min", "simd_max", "simd_xor"])
        return (
            f"v {self.random.choice(['=', '+='])} {function}({self.expression(varying, uniform)});"
        )

    def loop(self, varying: list[str], uniform: list[str], depth: int) -> str:
        name = self.name()
        inner = self.block(varying, [*uniform, name], depth - 1)
        return (
            f"for (int {name} = 0; {name} < {self.random.randint(1, 3)}; {name}++) {{\n{inner}\n}}"
        )

    def own_loop(self, varying: list[str], uniform: list[str], depth: int) -> str:
        name = self.name()
        step = self.expression([*varying, name], uniform)
        return f"for (int {name} = 0; {name} < (v & 7); {name}++) {{ v += {step}; if (v == 5) break; }}"

    def branch(self, varying: list[str], uniform: list[str], depth: int) -> str:
        then, otherwise = (self.block(varying, uniform, depth - 1) for _ in range(2))
        condition = f"{self.expression([], uniform)} > {self.random.randint(-5, 5)}"
        return f"if ({condition}) {{\n{then}\n}} else {{\n{otherwise}\n}}"

    def own_branch(self, varying: list[str], uniform: list[str], depth: int) -> str:
        value = self.expression(varying, uniform)
        return f"if ({self.expression(varying, uniform)} > 0) {{ v = {value}; }} else v ^= 3;"
