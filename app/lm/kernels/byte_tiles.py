"""The inner loop of products with weights in 8 bits: a few tokens times one panel of outputs.

Numbers are cut into blocks of BLOCK inputs. A block of a token, or of one output's weights, is whole numbers times one
scale in fp32 (absmax quantization: Dettmers et al. 2022, "LLM.int8()", section 2.1, here of blocks). A block's
sum of products is a whole number, exact whoever adds it up (`vpdpbusd`, `pmaddwd`, or plain products), and goes into
the output's sum by one fused multiply-add with the product of both scales. So a sum is taken in one order, block by
block, in any tile.

A token's whole numbers are signed, those of weights have 128 added, as `vpdpbusd` wants them: what undoes that, -128
times the sum of the token's whole numbers, is where a block's sum begins, and is kept beside its scale.

A token's block: BLOCK bytes, the scale in fp32, the beginning as int32. A panel's block: [BLOCK/4,PANEL,4] bytes,
[PANEL] scales in fp32.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from app.lm.kernels.tiles import FEATURES, LANES, PANEL, STEP_BYTES, VECTORS, load, multiply_add, splat

BLOCK = 64  # inputs
OFFSET = 128  # of weights
BLOCK_STEPS = BLOCK // STEP_BYTES
ROW_BYTES, PANEL_BYTES = BLOCK + 8, (BLOCK + 4) * PANEL  # of a block
TOKENS = 6 if VECTORS > 1 else 4  # of the largest tile: their sums stay in registers, as in tiles.py

_WORD, _FLOAT = ir.IntType(32), ir.FloatType()
_NUMBERS, _WORDS, _HALVES = ir.VectorType(_FLOAT, LANES), ir.VectorType(_WORD, LANES), ir.VectorType(ir.IntType(16), 32)

Dot = Callable[[Any, Any, Any, Any], Any]  # llvmlite's builder, sums, weights, inputs -> sums; all of them words


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


def _bytes_at_once(bits: int) -> Dot:
    """Four products of bytes and their sum by one instruction, for vectors of so many bits."""
    words = ir.VectorType(_WORD, bits // 32)
    read = ir.VectorType(ir.IntType(8), bits // 8) if llvm.llvm_version_info[0] >= 22 else words

    def dot(builder: Any, sums: Any, weights: Any, inputs: Any) -> Any:
        kind = ir.FunctionType(words, [words, read, read])
        instruction = builder.module.declare_intrinsic(f"llvm.x86.avx512.vpdpbusd.{bits}", (), kind)
        parts = [_parts(builder, each, words.count) for each in (sums, weights, inputs)]
        return _joined(
            builder,
            [
                builder.call(instruction, [own, builder.bitcast(weight, read), builder.bitcast(number, read)])
                for own, weight, number in zip(*parts, strict=True)
            ],
        )

    return dot


def _halves_of(builder: Any, words: Any, *, signed: bool) -> tuple[Any, Any]:
    """The even and the odd bytes of words, each as 16 bits."""
    eights, halves = ir.Constant(_HALVES, [8] * _HALVES.count), builder.bitcast(words, _HALVES)
    shift = builder.ashr if signed else builder.lshr
    return shift(builder.shl(halves, eights), eights), shift(halves, eights)


def _pairs_at_once(bits: int, name: str) -> Dot:
    """Two products of 16 bits and their sum by one instruction."""
    words, read = ir.VectorType(_WORD, bits // 32), ir.VectorType(ir.IntType(16), bits // 16)

    def dot(builder: Any, sums: Any, weights: Any, inputs: Any) -> Any:
        kind = ir.FunctionType(words, [read, read])
        instruction = builder.module.declare_intrinsic(name, (), kind)
        for pair in zip(
            _halves_of(builder, weights, signed=False), _halves_of(builder, inputs, signed=True), strict=True
        ):
            parts = [_parts(builder, each, read.count) for each in pair]
            products = [builder.call(instruction, list(each)) for each in zip(*parts, strict=True)]
            sums = builder.add(sums, _joined(builder, products))
        return sums

    return dot


def _one_by_one(builder: Any, sums: Any, weights: Any, inputs: Any) -> Any:
    full, low = ir.Constant(_WORDS, [24] * LANES), ir.Constant(_WORDS, [0xFF] * LANES)
    for place in range(4):
        up, down = (ir.Constant(_WORDS, [bits] * LANES) for bits in (24 - 8 * place, 8 * place))
        weight = builder.and_(builder.lshr(weights, down), low)
        sums = builder.add(sums, builder.mul(weight, builder.ashr(builder.shl(inputs, up), full)))
    return sums


def _dot() -> Dot:
    if "avx512vnni" in FEATURES:
        return _bytes_at_once(512)
    if "avxvnni" in FEATURES:
        return _bytes_at_once(256)
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

    def vectors(self, row: Any) -> list[Any]:
        return [self.builder.add(row, self.address(4 * LANES * place)) for place in range(VECTORS)]

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
        sums = self.whole_sums(inputs, panel)
        self.add_scaled(sums, inputs, panel, outs)
        later = [
            builder.add(block, self.address(1)),
            builder.add(inputs, self.address(ROW_BYTES)),
            builder.add(panel, self.address(PANEL_BYTES)),
        ]
        builder.cbranch(builder.icmp_signed("<", later[0], self.blocks), loop, after)
        firsts = [self.address(0), self.inputs, self.panel]
        for phi, first, following in zip((block, inputs, panel), firsts, later, strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(following, builder.block)
        builder.position_at_end(after)

    def whole_sums(self, inputs: Any, panel: Any) -> list[Any]:
        """A block's sums of whole numbers, VECTORS for each token."""
        builder, ins = self.builder, self.rows(inputs, self.input_bytes)
        begins = [
            splat(builder, load(builder, builder.add(row, self.address(BLOCK + 4)), _WORD), _WORDS) for row in ins
        ]
        before, loop, after = builder.block, builder.append_basic_block("step"), builder.append_basic_block("scale")
        builder.branch(loop)
        builder.position_at_end(loop)
        offset, place = builder.phi(self.address), builder.phi(self.address)
        sums = [builder.phi(_WORDS) for _ in range(self.tokens * VECTORS)]
        weights = [load(builder, each, _WORDS) for each in self.vectors(place)]
        grown = []
        for token, row in enumerate(ins):
            numbers = splat(builder, load(builder, builder.add(row, offset), _WORD), _WORDS)
            own = sums[token * VECTORS : (token + 1) * VECTORS]
            grown += [self.dot(builder, sum_, weight, numbers) for sum_, weight in zip(own, weights, strict=True)]
        next_offset = builder.add(offset, self.address(STEP_BYTES))
        next_place = builder.add(place, self.address(STEP_BYTES * PANEL))
        builder.cbranch(builder.icmp_signed("<", next_offset, self.address(BLOCK)), loop, after)
        firsts = [self.address(0), panel, *(begin for begin in begins for _ in range(VECTORS))]
        for phi, first, later in zip((offset, place, *sums), firsts, (next_offset, next_place, *grown), strict=True):
            phi.add_incoming(first, before)
            phi.add_incoming(later, loop)
        builder.position_at_end(after)
        return grown

    def add_scaled(self, sums: list[Any], inputs: Any, panel: Any, outs: list[Any]) -> None:
        builder = self.builder
        scales = [
            load(builder, each, _NUMBERS) for each in self.vectors(builder.add(panel, self.address(BLOCK * PANEL)))
        ]
        for token, row in enumerate(self.rows(inputs, self.input_bytes)):
            own = splat(builder, load(builder, builder.add(row, self.address(BLOCK)), _FLOAT), _NUMBERS)
            for vector, scale in enumerate(scales):
                place = outs[token * VECTORS + vector]
                number = builder.sitofp(sums[token * VECTORS + vector], _NUMBERS)
                both = builder.fmul(scale, own)
                self.store(multiply_add(builder, load(builder, place, _NUMBERS), number, both), place)


def _code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
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
