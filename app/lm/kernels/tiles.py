"""The inner loop of matrix products: a few tokens times one panel of outputs, with all sums in vector registers.

Written in LLVM's language, since what compilers make of a loop differs from loop to loop. Here each sum is what is
written: it begins with a given number (a bias, or the sum so far) and takes its summands one by one in the order of the
inputs, each by one fused multiply-add (one `vdpbf16ps`, which takes two, where the processor has it for bf16), in any
tile, so for any number of tokens and in any place. No flag lets the compiler change that.

A panel holds the weights of PANEL outputs: [K,PANEL] in fp32, [K/2,PANEL,2] in bf16.
"""

import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import config
from numba.core.codegen import get_host_cpu_features
from numba.extending import intrinsic

LANES = 16  # numbers in a vector; LLVM makes two or four of it where registers are shorter


def _features() -> frozenset[str]:
    """What Numba compiles for (its settings NUMBA_CPU_NAME and NUMBA_CPU_FEATURES can ask for less than there is)."""
    asked: str | None = config.CPU_FEATURES  # type: ignore[attr-defined]
    text: str = get_host_cpu_features() if asked is None else asked  # type: ignore[no-untyped-call]
    return frozenset(name[1:] for name in text.split(",") if name.startswith("+"))


FEATURES = _features()
_FUSED = "fma" in FEATURES or platform.machine().lower() not in {"x86_64", "amd64"}  # what else there is has it
VECTORS = 4 if "avx512f" in FEATURES else 1  # of a panel: 32 registers of 16 numbers, or 16 of 8, hold six tokens' sums
PANEL = LANES * VECTORS
STEP_BYTES = 4  # of one output's weights, and of one token's inputs: a number in fp32, a pair in bf16

_WORD, _FLOAT = ir.IntType(32), ir.FloatType()
_NUMBERS, _WORDS = ir.VectorType(_FLOAT, LANES), ir.VectorType(_WORD, LANES)


class _Bfloat16(ir.types._BaseFloatType):  # type: ignore[misc]
    """llvmlite knows no bf16."""

    intrinsic_name = "bf16"

    def __str__(self) -> str:
        return "bfloat"


_Bfloat16._create_instance()
_PAIRS = ir.VectorType(_Bfloat16(), 2 * LANES)

Step = Callable[[Any, Any, Any, Any], Any]  # llvmlite's builder, sums, weights, inputs -> sums


def rounded_up(count: int, unit: int) -> int:
    """To a whole number of units."""
    return -(-count // unit) * unit


def load(builder: Any, address: Any, kind: Any) -> Any:
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=4)


def splat(builder: Any, value: Any, kind: Any) -> Any:
    one = builder.insert_element(ir.Constant(kind, ir.Undefined), value, _WORD(0))
    return builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), ir.Constant(_WORDS, [0] * LANES))


def multiply_add(builder: Any, sums: Any, weights: Any, inputs: Any) -> Any:
    if _FUSED:
        kind = ir.FunctionType(_NUMBERS, [_NUMBERS] * 3)
        fused = builder.module.declare_intrinsic(f"llvm.fma.v{LANES}f32", (), kind)
        return builder.call(fused, [weights, inputs, sums])
    return builder.fadd(sums, builder.fmul(weights, inputs))


def _pairs_at_once(builder: Any, sums: Any, weights: Any, inputs: Any) -> Any:
    kind = ir.FunctionType(_NUMBERS, [_NUMBERS, _PAIRS, _PAIRS])
    dot = builder.module.declare_intrinsic("llvm.x86.avx512bf16.dpbf16ps.512", (), kind)
    return builder.call(dot, [sums, builder.bitcast(weights, _PAIRS), builder.bitcast(inputs, _PAIRS)])


def _pairs_widened(builder: Any, sums: Any, weights: Any, inputs: Any) -> Any:
    """bf16 is the upper half of fp32; the first of a pair is in the lower half of its word."""
    half, upper = ir.Constant(_WORDS, [16] * LANES), ir.Constant(_WORDS, [0xFFFF0000] * LANES)
    halves = [(builder.shl(words, half), builder.and_(words, upper)) for words in (weights, inputs)]
    for weight, number in zip(*halves, strict=True):
        sums = multiply_add(builder, sums, builder.bitcast(weight, _NUMBERS), builder.bitcast(number, _NUMBERS))
    return sums


def _tile(builder: Any, tokens: int, arguments: Any, kind: "_Kind") -> None:
    inputs, input_bytes, weights, steps, begin, begin_bytes, out, out_bytes = arguments
    address = weights.type

    def rows(start: Any, stride: Any) -> list[Any]:
        return [builder.add(start, builder.mul(stride, address(token))) for token in range(tokens)]

    def places(row: Any) -> list[Any]:
        return [builder.add(row, address(4 * LANES * place)) for place in range(VECTORS)]

    ins, outs = rows(inputs, input_bytes), [places(row) for row in rows(out, out_bytes)]
    starts = [load(builder, place, _NUMBERS) for row in rows(begin, begin_bytes) for place in places(row)]
    before, loop, after = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("after")
    builder.branch(loop)
    builder.position_at_end(loop)
    step, panel = builder.phi(address), builder.phi(address)
    sums = [builder.phi(_NUMBERS) for _ in starts]
    numbers = [load(builder, place, kind.vector) for place in places(panel)]
    grown = []
    for token, row in enumerate(ins):
        place = builder.add(row, builder.mul(step, address(STEP_BYTES)))
        number = splat(builder, load(builder, place, kind.scalar), kind.vector)
        own = sums[token * VECTORS : (token + 1) * VECTORS]
        grown += [kind.add(builder, sum_, weight, number) for sum_, weight in zip(own, numbers, strict=True)]
    next_step, next_panel = builder.add(step, address(1)), builder.add(panel, address(STEP_BYTES * PANEL))
    builder.cbranch(builder.icmp_signed("<", next_step, steps), loop, after)
    for phi, first, later in zip(
        [step, panel, *sums], [address(0), weights, *starts], [next_step, next_panel, *grown], strict=True
    ):
        phi.add_incoming(first, before)
        phi.add_incoming(later, loop)
    builder.position_at_end(after)
    for place, value in zip([place for row in outs for place in row], grown, strict=True):
        builder.store(value, builder.inttoptr(place, _NUMBERS.as_pointer()), align=4)


@dataclass(frozen=True)
class _Kind:
    """Of numbers: what one step reads for a token and for the panel, how it is added, tokens of the largest tile."""

    scalar: Any
    vector: Any
    add: Step
    tokens: int


FP32 = _Kind(_FLOAT, _NUMBERS, multiply_add, 6)
BF16_PAIRS = _Kind(_WORD, _WORDS, _pairs_at_once, 6)
BF16_WIDENED = _Kind(_WORD, _WORDS, _pairs_widened, 4)  # the widened weights want registers, too
BF16 = BF16_PAIRS if "avx512bf16" in FEATURES else BF16_WIDENED


def tile(kind: _Kind) -> Any:
    """A function for kernels: out [tokens,PANEL] fp32 = begin [tokens,PANEL] + inputs [tokens,K] times a panel, for 1
    to `kind.tokens` tokens. Takes their number; the address of the inputs, and bytes from one token to the next; the
    panel's address, and the number of steps (K, or K/2 pairs); addresses and bytes of begin and of out as well."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001 (Numba's signature)
        done = builder.append_basic_block("done")
        choice = builder.switch(arguments[0], done)
        for tokens in range(1, kind.tokens + 1):
            block = builder.append_basic_block(f"tokens{tokens}")
            choice.add_case(arguments[0].type(tokens), block)
            builder.position_at_end(block)
            _tile(builder, tokens, arguments[1:], kind)
            builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    def multiply(
        typing: Any, tokens: Any, inputs: Any, input_bytes: Any, panel: Any, steps: Any,  # noqa: ARG001
        begin: Any, begin_bytes: Any, out: Any, out_bytes: Any,  # noqa: ARG001
    ) -> Any:  # fmt: skip
        return types.void(*[types.intp] * 9), code

    return intrinsic(multiply)
