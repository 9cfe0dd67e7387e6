"""The inner loop of products with weights in 8 bits: a few tokens times one panel of outputs.

Inputs are cut into blocks of BLOCK. A block of one output's weights is a whole number from 0 to LEVELS for each of
them, times a scale, from the block's least weight up (asymmetric quantization: Jacob et al. 2018, equations 1 and 2, of
blocks). So weights that lay on 16 levels between the same two ends before, as those of llama.cpp's Q4_1, are the same
numbers again but for fp32's rounding. A block of a token is whole numbers of 16 bits times one scale
(rounded_rows.py): of 8 bits they would change what a model says more than the weights do.

A block's sum of products is a whole number, exact whoever adds it up (`vpdpwssd`, `pmaddwd`, or plain products), and
goes into the output's sum by two fused multiply-adds, with the scales and with the least weight times the token's sum.
So a sum is taken in one order, block by block, in any tile.

A token's block: [BLOCK/4] pairs of words, of which one holds the inputs 0 and 2 of four and the other 1 and 3; the
scale, and the sum of the whole numbers times it, in fp32. A panel's block: [BLOCK/4,PANEL,4] bytes; [PANEL] scales and
[PANEL] least weights in fp32.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from app.lm.kernels.tiles import FEATURES, LANES, PANEL, VECTORS, load, multiply_add, splat

BLOCK = 32  # inputs
LEVELS = 255
FOUR = 4  # inputs whose weights are in one word
BLOCK_STEPS = BLOCK // FOUR
SCALE = 2 * BLOCK  # where in a token's block it is; the sum is behind it
ROW_BYTES, PANEL_BYTES = SCALE + 8, (BLOCK + 8) * PANEL  # of a block
TOKENS = 6 if VECTORS > 1 else 4  # of the largest tile: their sums stay in registers, as in tiles.py

_WORD, _FLOAT = ir.IntType(32), ir.FloatType()
_NUMBERS, _WORDS = ir.VectorType(_FLOAT, LANES), ir.VectorType(_WORD, LANES)
_PAIRS = ir.VectorType(ir.IntType(16), 2 * LANES)

Dot = Callable[[Any, Any, Any, Any], Any]  # llvmlite's builder, sums, weights, inputs -> sums; words of two halves


def _parts(builder: Any, value: Any, lanes: int) -> list[Any]:
    """A vector in pieces of so many lanes."""
    count, whole = value.type.count, ir.Constant(value.type, ir.Undefined)
    places = [ir.Constant(ir.VectorType(_WORD, lanes), list(range(i, i + lanes))) for i in range(0, count, lanes)]
    return [builder.shuffle_vector(value, whole, each) for each in places]


def _joined(builder: Any, parts: list[Any]) -> Any:
    while len(parts) > 1:
        lanes = 2 * parts[0].type.count
        order = ir.Constant(ir.VectorType(_WORD, lanes), list(range(lanes)))
        parts = [builder.shuffle_vector(a, b, order) for a, b in zip(parts[::2], parts[1::2], strict=True)]
    return parts[0]


def _grown_at_once(builder: Any, sums: Any, weights: Any, inputs: Any) -> Any:
    """Two products of halves, and their sum into a third number, by one instruction."""
    read = _PAIRS if llvm.llvm_version_info[0] >= 22 else _WORDS
    kind = ir.FunctionType(_WORDS, [_WORDS, read, read])
    instruction = builder.module.declare_intrinsic("llvm.x86.avx512.vpdpwssd.512", (), kind)
    return builder.call(instruction, [sums, builder.bitcast(weights, read), builder.bitcast(inputs, read)])


def _pairs_at_once(bits: int, name: str) -> Dot:
    """Two products of halves and their sum by one instruction, for vectors of so many bits."""
    words, halves = ir.VectorType(_WORD, bits // 32), ir.VectorType(ir.IntType(16), bits // 16)

    def dot(builder: Any, sums: Any, weights: Any, inputs: Any) -> Any:
        kind = ir.FunctionType(words, [halves, halves])
        instruction = builder.module.declare_intrinsic(name, (), kind)
        parts = [_parts(builder, builder.bitcast(each, _PAIRS), halves.count) for each in (weights, inputs)]
        products = [builder.call(instruction, list(each)) for each in zip(*parts, strict=True)]
        return builder.add(sums, _joined(builder, products))

    return dot


def _one_by_one(builder: Any, sums: Any, weights: Any, inputs: Any) -> Any:
    half = ir.Constant(_WORDS, [16] * LANES)
    for lower in (True, False):
        words = [builder.shl(each, half) if lower else each for each in (weights, inputs)]
        weight, number = (builder.ashr(each, half) for each in words)
        sums = builder.add(sums, builder.mul(weight, number))
    return sums


def _dot() -> Dot:
    if "avx512vnni" in FEATURES:
        return _grown_at_once
    for feature, bits, name in (
        ("avx512bw", 512, "llvm.x86.avx512.pmaddw.d.512"),
        ("avx2", 256, "llvm.x86.avx2.pmadd.wd"),
        ("sse2", 128, "llvm.x86.sse2.pmadd.wd"),
    ):
        if feature in FEATURES:
            return _pairs_at_once(bits, name)
    return _one_by_one


class _Tile:
    """One tile: `tokens` times a panel, out = begin + inputs times weights, block by block."""

    def __init__(self, builder: Any, tokens: int, arguments: Any) -> None:
        self.builder, self.tokens, self.dot = builder, tokens, _dot()
        self.inputs, self.input_bytes, self.panel, self.blocks, *self.ends = arguments
        self.address = self.panel.type

    def rows(self, start: Any, stride: Any) -> list[Any]:
        return [self.builder.add(start, self.builder.mul(stride, self.address(token))) for token in range(self.tokens)]

    def vectors(self, row: Any, offset: int = 0) -> list[Any]:
        return [self.builder.add(row, self.address(offset + 4 * LANES * place)) for place in range(VECTORS)]

    def numbers(self, row: Any, offset: int) -> list[Any]:
        return [load(self.builder, place, _NUMBERS) for place in self.vectors(row, offset)]

    def of_token(self, place: Any, kind: Any) -> Any:
        """One number, in all lanes."""
        return splat(self.builder, load(self.builder, place, kind.element), kind)

    def store(self, value: Any, place: Any) -> None:
        self.builder.store(value, self.builder.inttoptr(place, value.type.as_pointer()), align=4)

    def write(self) -> None:
        builder = self.builder
        begin, begin_bytes, out, out_bytes = self.ends
        outs = [place for row in self.rows(out, out_bytes) for place in self.vectors(row)]
        starts = [place for row in self.rows(begin, begin_bytes) for place in self.vectors(row)]
        for start, place in zip([load(builder, each, _NUMBERS) for each in starts], outs, strict=True):
            self.store(start, place)
        before, loop, after = builder.block, builder.append_basic_block("block"), builder.append_basic_block("after")
        builder.branch(loop)
        builder.position_at_end(loop)
        block, inputs, panel = (builder.phi(self.address) for _ in range(3))
        self.add_scaled(self.whole_sums(inputs, panel), inputs, panel, outs)
        steps = (self.address(1), self.address(ROW_BYTES), self.address(PANEL_BYTES))
        later = [builder.add(phi, step) for phi, step in zip((block, inputs, panel), steps, strict=True)]
        builder.cbranch(builder.icmp_signed("<", later[0], self.blocks), loop, after)
        firsts = [self.address(0), self.inputs, self.panel]
        for phi, first, following in zip((block, inputs, panel), firsts, later, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(following, builder.block)
        builder.position_at_end(after)

    def whole_sums(self, inputs: Any, panel: Any) -> list[Any]:
        """A block's sums of whole numbers, VECTORS for each token."""
        builder, ins = self.builder, self.rows(inputs, self.input_bytes)
        before, loop, after = builder.block, builder.append_basic_block("step"), builder.append_basic_block("scale")
        builder.branch(loop)
        builder.position_at_end(loop)
        step, place = builder.phi(self.address), builder.phi(self.address)
        sums = [builder.phi(_WORDS) for _ in range(self.tokens * VECTORS)]
        weights = [self.halves(load(builder, each, _WORDS)) for each in self.vectors(place)]
        offset, grown = builder.mul(step, self.address(2 * FOUR)), list[Any]()
        for token, row in enumerate(ins):
            start = builder.add(row, offset)
            numbers = [self.of_token(builder.add(start, self.address(4 * half)), _WORDS) for half in range(2)]
            for vector, both in enumerate(weights):
                sum_ = sums[token * VECTORS + vector]
                for weight, number in zip(both, numbers, strict=True):
                    sum_ = self.dot(builder, sum_, weight, number)
                grown.append(sum_)
        later = [builder.add(step, self.address(1)), builder.add(place, self.address(FOUR * PANEL)), *grown]
        builder.cbranch(builder.icmp_signed("<", later[0], self.address(BLOCK_STEPS)), loop, after)
        zeros = [ir.Constant(_WORDS, [0] * LANES)] * len(sums)
        for phi, first, following in zip((step, place, *sums), (self.address(0), panel, *zeros), later, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(following, loop)
        builder.position_at_end(after)
        return grown

    def halves(self, words: Any) -> tuple[Any, Any]:
        """Bytes 0 and 2 of words, and 1 and 3, each in 16 bits."""
        low, eight = ir.Constant(_WORDS, [0x00FF00FF] * LANES), ir.Constant(_WORDS, [8] * LANES)
        return self.builder.and_(words, low), self.builder.and_(self.builder.lshr(words, eight), low)

    def add_scaled(self, sums: list[Any], inputs: Any, panel: Any, outs: list[Any]) -> None:
        builder = self.builder
        scales, leasts = self.numbers(panel, BLOCK * PANEL), self.numbers(panel, (BLOCK + 4) * PANEL)
        for token, row in enumerate(self.rows(inputs, self.input_bytes)):
            scale, total = (
                self.of_token(builder.add(row, self.address(SCALE + offset)), _NUMBERS) for offset in (0, 4)
            )
            for vector in range(VECTORS):
                place = outs[token * VECTORS + vector]
                whole = builder.sitofp(sums[token * VECTORS + vector], _NUMBERS)
                out = multiply_add(builder, load(builder, place, _NUMBERS), leasts[vector], total)
                self.store(multiply_add(builder, out, whole, builder.fmul(scales[vector], scale)), place)


def _code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001 (Numba's signature)
    done = builder.append_basic_block("done")
    choice = builder.switch(arguments[0], done)
    for tokens in range(1, TOKENS + 1):
        block = builder.append_basic_block(f"tokens{tokens}")
        choice.add_case(arguments[0].type(tokens), block)
        builder.position_at_end(block)
        _Tile(builder, tokens, arguments[1:]).write()
        builder.branch(done)
    builder.position_at_end(done)
    return context.get_dummy_value()


def _multiply(
    typing: Any, tokens: Any, inputs: Any, input_bytes: Any, panel: Any, blocks: Any,  # noqa: ARG001
    begin: Any, begin_bytes: Any, out: Any, out_bytes: Any,  # noqa: ARG001
) -> Any:  # fmt: skip
    return types.void(*[types.intp] * 9), _code


byte_tile: Any = intrinsic(_multiply)
"""For kernels: as a function of `tile`, with blocks in place of steps, for 1 to TOKENS tokens and at least one block;
out may be begin."""
