"""Random kernel texts: `typed` ones mean the same in Python and in MSL, `wild` ones may mean anything."""

from __future__ import annotations

import random

INDENT = "    "


class Typed:
    """Integers of 32 bits only: what NumPy's int32 and MSL's int compute alike, whatever the control flow."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []
        self.names = ["u", "v", "w"]
        self.loops = 0
        self.budget = 28

    def text(self) -> str:
        self.lines = ["def kernel(out, a, b, n):", f"{INDENT}i = metal.thread_id()"]
        for name in self.names:
            self.emit(
                1, f"{name} = {self.random.choice(['a[i]', 'b[i]', 'n + a[i]', 'a[i] - b[i]'])}"
            )
        self.block(1, in_loop=False)
        total = " ^ ".join(self.names)
        self.emit(1, f"out[i] = {total}")
        return "\n".join(self.lines) + "\n"

    def emit(self, depth: int, line: str) -> None:
        self.lines.append(INDENT * depth + line)

    def block(self, depth: int, *, in_loop: bool) -> None:
        start = len(self.lines)
        for _ in range(self.random.randint(1, 4)):
            if self.budget <= 0:
                break
            self.budget -= 1
            self.statement(depth, in_loop=in_loop)
        if len(self.lines) == start:
            self.emit(depth, "pass")

    def statement(self, depth: int, *, in_loop: bool) -> None:
        choice = self.random.random()
        if depth < 4 and choice < 0.2:
            self.emit(depth, f"if {self.condition(2)}:")
            self.block(depth + 1, in_loop=in_loop)
            if self.random.random() < 0.4:
                self.emit(depth, f"elif {self.condition(1)}:")
                self.block(depth + 1, in_loop=in_loop)
            if self.random.random() < 0.5:
                self.emit(depth, "else:")
                self.block(depth + 1, in_loop=in_loop)
        elif depth < 3 and choice < 0.32:
            self.for_loop(depth)
        elif depth < 3 and choice < 0.4:
            self.while_loop(depth)
        elif in_loop and choice < 0.46:
            self.emit(depth, f"if {self.condition(1)}:")
            self.emit(depth + 1, self.random.choice(["break", "continue"]))
        elif choice < 0.48 and depth > 1:
            self.emit(depth, f"out[i] = {self.expression(2)}")
            self.emit(depth, "return")
        else:
            self.assignment(depth)

    def for_loop(self, depth: int) -> None:
        name = self.random.choice(["k", "m", "u"])  # a variable of the function too
        start, stop = self.random.randint(-4, 4), self.random.randint(-4, 6)
        step = self.random.choice([1, 1, 2, -1, -2, 3])
        bounds = self.random.choice(
            [
                f"{abs(stop)}",
                f"{start}, {stop}",
                f"{start}, {stop}, {step}",
                f"{start}, {start} + n % 5",
            ]
        )
        self.emit(depth, f"for {name} in range({bounds}):")
        self.emit(depth + 1, f"{self.variable()} += {name}")
        self.block(depth + 1, in_loop=True)

    def while_loop(self, depth: int) -> None:
        self.loops += 1
        count = f"count{self.loops}"
        self.emit(depth, f"{count} = {self.random.randint(1, 5)}")
        self.emit(depth, f"while {count} > 0 and {self.condition(1)}:")
        self.emit(depth + 1, f"{count} -= 1")
        self.block(depth + 1, in_loop=True)

    def assignment(self, depth: int) -> None:
        kind = self.random.random()
        if kind < 0.2:
            a, b = self.random.sample(self.names, 2)
            self.emit(depth, f"{a}, {b} = {self.expression(2)}, {self.expression(2)}")
        elif kind < 0.3:
            a, b = self.random.sample(self.names, 2)
            self.emit(depth, f"{a} = {b} = {self.typed(self.expression(2))}")
        elif kind < 0.6:
            op = self.random.choice(["+=", "-=", "*=", "^=", "|=", "&=", "//=", "%="])
            value = self.divisor() if op in ("//=", "%=") else self.expression(2)
            self.emit(depth, f"{self.variable()} {op} {value}")
        else:
            self.emit(depth, f"{self.variable()} = {self.typed(self.expression(3))}")

    def variable(self) -> str:
        return self.random.choice(self.names)

    def typed(self, expression: str) -> str:
        return f"({expression}) + a[i]"

    def divisor(self) -> str:
        return self.random.choice(
            [f"({self.variable()} % 5 + 1)", "3", "-7", f"-({self.variable()} % 3 + 1)"]
        )

    def expression(self, depth: int) -> str:
        if depth == 0 or self.random.random() < 0.2:
            leaf = self.random.choice(
                ["a[i]", "b[i]", "n", *self.names, str(self.random.randint(-9, 9))]
            )
            return f"({leaf})" if leaf.startswith("-") else leaf
        left, right = self.expression(depth - 1), self.expression(depth - 1)
        kind = self.random.random()
        if kind < 0.5:
            return f"({left} {self.random.choice('+ - * & | ^'.split())} {right} + a[i])"
        if kind < 0.6:
            return f"(({left} + b[i]) {self.random.choice(['//', '%'])} {self.divisor()})"
        if kind < 0.68:
            return (
                f"(({left} + a[i]) {self.random.choice(['<<', '>>'])} {self.random.randint(0, 7)})"
            )
        if kind < 0.76:
            return f"({self.random.choice(['-', '~', '+'])}({left} + a[i]))"
        if kind < 0.84:
            return f"{self.random.choice(['min', 'max'])}({left} + a[i], {right} + b[i])"
        if kind < 0.9:
            return f"abs({left} + b[i])"
        return f"({left} + a[i] if {self.condition(1)} else {right} + b[i])"

    def condition(self, depth: int) -> str:
        comparison = ["<", "<=", ">", ">=", "==", "!="]
        left, right = self.expression(1), self.expression(1)
        if depth == 0 or self.random.random() < 0.5:
            if self.random.random() < 0.25:
                return f"{left} {self.random.choice(comparison)} {right} {self.random.choice(comparison)} {self.expression(1)}"  # fmt: skip
            return f"{left} {self.random.choice(comparison)} {right}"
        if self.random.random() < 0.3:
            return f"not ({self.condition(depth - 1)})"
        return f"({self.condition(depth - 1)} {self.random.choice(['and', 'or'])} {self.condition(depth - 1)})"


class Wild:
    """Any mixture of types and statements, well-typed or not."""

    PARAMETERS = ("out: 'device float*'", "ints: 'device int*'", "v: 'float4'", "p: 'device half3*'",
                  "n: 'uint'", "c: 'char'", "f: 'float'", "q: 'device const uint2*'", "flag: 'bool'")  # fmt: skip
    LEAVES = ("out[i]", "ints[i]", "v", "p[0]", "n", "c", "f", "q[i]", "flag", "x", "y", "z", "i", "0", "1",
              "-1", "3", "255", "0.5", "1e10", "True", "math.pi", "CONST", "TUP[0]", "v.x", "v.xyz", "p[i].zx",
              "0xFFFFFFFF", "2**40", "metal.threads_per_grid", "k")  # fmt: skip
    ODD = (
        "None",
        "'s'",
        "undefined",
        "metal",
        "out",
        "print(x)",
        "x @ y",
        "x is y",
        "x in y",
        "[x]",
    )
    BINARY = "+ - * / // % ** << >> & | ^ and or < <= > >= == !=".split()
    FUNCTIONS = ("abs({})", "min({}, {})", "max({}, {}, {})", "round({})", "int({})", "float({})", "bool({})",
                 "math.sqrt({})", "math.floor({})", "metal.float4({})", "metal.float3({}, {})", "metal.uint({})",
                 "metal.dot({}, {})", "metal.half({})", "metal.clamp({}, {}, {})", "pow({}, {})", "helper({}, {})",
                 "store({}, {})", "np.float32({})", "metal.any({})", "len({})", "divmod({}, {})", "metal.program_id({})",
                 "np.where({}, {}, {})", "metal.int2({}, {})", "math.log({}, {})", "metal.fma({}, {}, {})")  # fmt: skip
    TARGETS = ("x", "y", "z", "x", "y", "out[i]", "ints[0]", "v.x", "v.zy", "v[1]", "p[i].x", "n", "x, y", "z.x",
               "q[0]", "k", "out[ints[i]]", "v[i]", "x, (y, z)", "flag")  # fmt: skip

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self) -> str:
        parameters = ", ".join(self.PARAMETERS)
        first = [f"{INDENT}{n} = {self.expression(1)}" for n in "xyz"]
        lines = [
            f"def kernel({parameters}):",
            f"{INDENT}i = metal.thread_id()",
            *first,
            *self.block(1),
        ]
        return "\n".join(lines) + "\n"

    def block(self, depth: int) -> list[str]:
        lines: list[str] = []
        for _ in range(self.random.randint(1, 5)):
            lines += self.statement(depth)
        return lines

    def statement(self, depth: int) -> list[str]:
        pad, choice = INDENT * depth, self.random.random()
        if depth < 4 and choice < 0.12:
            head = self.random.choice([f"if {self.expression(2)}:", f"while {self.expression(2)}:",
                                       f"for k in range({self.expression(1)}):",
                                       f"for x in range({self.expression(1)}, {self.expression(1)}, {self.expression(0)}):"])  # fmt: skip
            return [pad + head, *self.block(depth + 1)]
        if depth < 4 and choice < 0.17:
            return [
                f"{pad}if {self.expression(2)}:",
                *self.block(depth + 1),
                f"{pad}else:",
                *self.block(depth + 1),
            ]
        if choice < 0.2:
            return [pad + self.random.choice(["return", "pass", "..."])]
        if choice < 0.25 and depth > 1:
            return [pad + self.random.choice(["pass", "return", "x = 1"])]
        if choice < 0.3:
            kind = self.random.choice(
                ["'float'", "'int'", "metal.float4", "'half'", "'bool'", "float"]
            )
            return [f"{pad}{self.random.choice('xyz')}: {kind} = {self.expression(2)}"]
        if choice < 0.5:
            op = self.random.choice(["+=", "-=", "*=", "/=", "//=", "%=", "**=", "<<=", "&="])
            target = self.random.choice([t for t in self.TARGETS if "," not in t])
            return [f"{pad}{target} {op} {self.expression(2)}"]
        if choice < 0.55:
            return [
                f"{pad}{self.random.choice(['x, y', 'x, y, z'])} = {self.expression(1)}, {self.expression(1)}"
            ]
        if choice < 0.58:
            return [f"{pad}{self.call(1)}"]
        return [f"{pad}{self.random.choice(self.TARGETS)} = {self.expression(3)}"]

    def call(self, depth: int) -> str:
        function = self.random.choice(self.FUNCTIONS)
        return function.format(*(self.expression(depth) for _ in range(function.count("{}"))))

    def expression(self, depth: int) -> str:
        kind = self.random.random()
        if depth == 0 or kind < 0.25:
            odd = self.random.random() < 0.004
            return self.random.choice(self.ODD if odd else self.LEAVES)
        if kind < 0.6:
            return f"({self.expression(depth - 1)} {self.random.choice(self.BINARY)} {self.expression(depth - 1)})"
        if kind < 0.75:
            return self.call(depth - 1)
        if kind < 0.82:
            return f"({self.random.choice(['-', '~', 'not ', '+'])}{self.expression(depth - 1)})"
        if kind < 0.88:
            return f"({self.expression(depth - 1)} if {self.expression(depth - 1)} else {self.expression(depth - 1)})"
        if kind < 0.94:
            return f"({self.expression(depth - 1)} < {self.expression(depth - 1)} <= {self.expression(depth - 1)})"
        return f"{self.random.choice(['out', 'ints', 'v', 'TUP', 'x', 'p', 'q'])}[{self.expression(depth - 1)}]"
