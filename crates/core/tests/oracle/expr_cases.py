"""Expressions, and what Python's grammar and numpy's float64 make of them.

    expr_cases.py > expr_cases.jsonl

The first line holds the inputs, each other line an expression with its values. Python parses the text (so that
precedence is Python's) and numpy computes each node; a NaN operand makes the node NaN, except where the language says
otherwise. Deterministic; needs numpy.
"""

import ast
import json
import random
import re
import warnings

import numpy as np

warnings.simplefilter("ignore")
NAN, INF = float("nan"), float("inf")
VALUES = {
    "a": [0.0, -0.0, 1.0, -1.0, 0.5, 1.5, 2.5, -2.5, 3.0, 7.25, -7.25, NAN, 1.0, INF, -INF, INF, 1e300, 1e-300, 30.0, -0.3],
    "b": [0.0, 3.0, -0.0, 0.5, 2.0, -2.0, 2.5, 0.75, -3.0, 7.25, 2.0, 1.0, NAN, 2.0, -2.0, -INF, 1e300, -1e300, 4.0, INF],
    "c": [1.0, 0.0, NAN, 2.0, 0.0, 0.0, 1.0, 0.0, -1.0, INF, 0.0, 0.0, 1.0, 5.0, NAN, 0.0, 1.0, 0.0, 2.0, 0.0],
}
ENV = {name: np.array(values) for name, values in VALUES.items()}
N = len(VALUES["a"])


def strict(f):
    """NaN in, NaN out."""

    def call(*args):
        missing = np.zeros(N, bool)
        for arg in args:
            missing |= np.isnan(arg)
        return np.where(missing, NAN, f(*args).astype(float))

    return call


def fold(f):
    def call(first, *rest):
        for arg in rest:
            first = f(first, arg)
        return first

    return call


def coalesce(*args):
    out = args[0]
    for arg in args[1:]:
        out = np.where(np.isnan(out), arg, out)
    return out


SAME = "abs sign sqrt exp log log2 log10 sin cos tan sinh cosh tanh radians degrees floor ceil hypot".split()
FUNCTIONS = {name: strict(getattr(np, name)) for name in SAME} | {
    "asin": strict(np.arcsin),
    "acos": strict(np.arccos),
    "atan": strict(np.arctan),
    "atan2": strict(np.arctan2),
    "round": strict(np.rint),
    "min": fold(strict(np.minimum)),
    "max": fold(strict(np.maximum)),
    "clip": strict(np.clip),
    "where": lambda c, x, y: np.where(np.isnan(c), NAN, np.where(c != 0, x, y)),
    "is_missing": lambda x: np.isnan(x).astype(float),
    "coalesce": coalesce,
}
OPERATORS = {
    ast.Add: np.add, ast.Sub: np.subtract, ast.Mult: np.multiply, ast.Div: np.divide,
    ast.FloorDiv: np.floor_divide, ast.Mod: np.remainder, ast.Pow: np.power,
    ast.Lt: np.less, ast.LtE: np.less_equal, ast.Gt: np.greater, ast.GtE: np.greater_equal,
    ast.Eq: np.equal, ast.NotEq: np.not_equal, ast.And: np.logical_and, ast.Or: np.logical_or,
    ast.USub: np.negative, ast.UAdd: np.positive, ast.Not: np.logical_not,
}  # fmt: skip


def value(node):
    match node:
        case ast.Expression(body):
            return value(body)
        case ast.Constant(number):
            return np.full(N, float(number))
        case ast.Name("pi"):
            return np.full(N, np.pi)
        case ast.Name("missing"):
            return np.full(N, NAN)
        case ast.Name(name):
            return ENV[name]
        case ast.Call(ast.Name(name), args):
            return FUNCTIONS[name](*map(value, args))
        case ast.BinOp(left, ast.Pow(), ast.Constant(number)):
            # numpy's operator has its own ways for some exponents, such as the square root for 0.5
            return strict(lambda x: x**number)(value(left))
        case ast.BinOp(left, op, right):
            return strict(OPERATORS[type(op)])(value(left), value(right))
        case ast.Compare(left, [op], [right]):
            return strict(OPERATORS[type(op)])(value(left), value(right))
        case ast.BoolOp(op, values):
            return fold(strict(OPERATORS[type(op)]))(*map(value, values))
        case ast.UnaryOp(op, operand):
            return strict(OPERATORS[type(op)])(value(operand))
    raise ValueError(ast.dump(node))


def parse(text):
    return ast.parse(re.sub("`([^`]*)`", r"\1", text).strip(), mode="eval")


UNARY = [name for name in FUNCTIONS if name not in "hypot atan2 min max clip where coalesce".split()]
BINARY = "+ - * / // % ** < <= > >= == != and or".split()
FIXED = [f"{name}({arg})" for name in UNARY for arg in ("a", "b")] + [f"a {op} b" for op in BINARY]
FIXED += [f"{x} {op} {y}" for op in BINARY for x, y in [("a", "2"), ("a", "-2"), ("a", "0"), ("2.5", "b")]]
FIXED += """
hypot(a, b)|hypot(a, 3)|hypot(0, b)|atan2(a, b)|atan2(b, a)|atan2(1, b)|min(a, b)|max(a, b)|min(a, 0)|max(0, a)|min(a, b, c)
max(c, b, a)|max(a, 0, b, -1)|clip(a, -1, 2)|clip(a, b, 5)|clip(a, b, c)|clip(a, missing, 1)|clip(2, a, b)|where(c, a, b)
where(a > b, a, b)|where(a > b, 1, 0)|where(is_missing(a), 0, a)|where(c, missing, b)|where(1, a, b)|where(0, a, b)
where(missing, a, b)|coalesce(a, b)|coalesce(missing, a, c, 9)|coalesce(a, -1)|is_missing(missing)|is_missing(a + b)
is_missing(0 / 0)|is_missing(c) or a > 0|not a|not a > b|not not a|not a and b|not (a and b)|a or b and c|(a or b) and c
a and b or c|a or not b|a < b and b < c|a < (b < c)|(a < b) == 1 and c|-a ** 2|(-a) ** 2|2 ** -a|2 ** 3 ** 2|a ** b ** 2
(a ** b) ** 2|-2 ** 2|2 ** -2|a ** 1|a ** 0.5|a ** -1|a ** 3|a ** (1 / 3)|a - b - c|a - (b - c)|a / b / c|a / b * c|a * b / c
a // b * c|a % b * c|a * b % c|-a % b|-(a % b)|a + b * c|(a + b) * c|a * -b|a - -b|- - a|+a|-+-a|a--b|a+-+b|1 + 2 * 3 - 4 / 8
a + 1 < b * 2|a - b > c - 1|pi|missing|2|1e-3|.5|5.|1E+2|0.1 + 0.2|1e308 * 10|pi * a ** 2|missing + 1|a * missing|`a`+`b`
6.112 * exp(17.67 * a / (a + 243.5))|(270 - degrees(atan2(b, a))) % 360|sqrt(a ** 2 + b ** 2)|a - 273.15|a * 86400
where(a < -999, missing, a)|round(a * 10) / 10|(a + 180) % 360 - 180|log(max(a, 1e-10))|((((a))))|where(c and not is_missing(a), a, b)
abs(a - b) <= 1e-9 * max(abs(a), abs(b))|min(max(a, b), max(b, c), max(a, c))|(a > b) - (a < b)|where(a == 1, 10, where(a == 3, 30, b))
""".strip().replace("\n", "|").split("|")


def made_up(rng, depth):
    """A random expression of operations that every machine computes alike."""
    if depth == 0 or rng.random() < 0.1:
        return rng.choice(["a", "b", "c", "1", "2.5", "-3", "0"])
    sub = lambda: made_up(rng, depth - 1)  # noqa: E731
    kind = rng.random()
    if kind < 0.55:
        op = rng.choice("+ - * / // % < <= > >= == != and or".split())
        left, right = (f"({x})" if rng.random() < 0.5 or op in "<=>=!=" else x for x in (sub(), sub()))
        return f"{left} {op} {right}"
    if kind < 0.7:
        return rng.choice(["-{}", "-({})", "+{}", "not ({})", "(not {})"]).format(sub())
    name = rng.choice("abs sign floor ceil round sqrt min max clip where coalesce is_missing".split())
    count = {"min": 2, "max": 3, "clip": 3, "where": 3, "coalesce": 2}.get(name, 1)
    return f"{name}({', '.join(sub() for _ in range(count))})"


def single(node):
    """No chained comparisons, which the language refuses, and nothing that Python itself would compute."""
    return all(not isinstance(n, ast.Compare) or len(n.ops) == 1 for n in ast.walk(node))


def random_expressions(count):
    rng = random.Random(20)
    found = []
    while len(found) < count:
        text = made_up(rng, 3)
        try:
            fits = single(parse(text))
        except SyntaxError:
            continue
        if fits and 10 < len(text) < 90 and text not in found:
            found.append(text)
    return found


def number(x):
    """As JSON has no NaN: null; infinities as texts."""
    if np.isnan(x):
        return None
    if np.isinf(x):
        return "inf" if x > 0 else "-inf"
    return int(x) if x == int(x) and abs(x) < 1e15 and (x != 0 or not np.signbit(x)) else float(x)


def line(item):
    return json.dumps(item, separators=(",", ":"))


def main():
    print(line({name: [number(x) for x in values] for name, values in VALUES.items()}))
    for text in FIXED + random_expressions(150):
        values = [number(x) for x in np.broadcast_to(value(parse(text)), N)]
        print(line([text, values[:1] if len(set(map(str, values))) == 1 else values]))


if __name__ == "__main__":
    main()
