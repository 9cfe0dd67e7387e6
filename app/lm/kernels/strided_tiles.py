"""The inner loop of attention to a cache: a few queries times keys or values in memory of any stride, with all sums in
vector registers.

As in tiles.py each sum takes its summands one by one, in the order of the steps, so it has the same bits in any tile.
Numbers are fp32, or bf16 widened to it. While it reads, it has other memory brought nearer: attention of many rows
waits for memory, not for arithmetic.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from app.lm.kernels.tiles import LANES, VECTORS, load, multiply_add, splat

QUERIES = 4  # of the largest tile
VECTOR_BYTES = 4 * LANES  # of sums

_FLOAT, _WORD, _HALF, _BYTE = ir.FloatType(), ir.IntType(32), ir.IntType(16), ir.IntType(8)
_NUMBERS, _WORDS, _HALVES = (ir.VectorType(kind, LANES) for kind in (_FLOAT, _WORD, _HALF))


def _load_floats(builder: Any, address: Any) -> Any:
    return load(builder, address, _NUMBERS)


def _load_halves(builder: Any, address: Any) -> Any:
    """bf16 is the upper half of fp32."""
    half = builder.load(builder.inttoptr(address, _HALVES.as_pointer()), align=2)
    return builder.bitcast(builder.shl(builder.zext(half, _WORDS), ir.Constant(_WORDS, [16] * LANES)), _NUMBERS)


def _prefetch(builder: Any, address: Any) -> None:
    """The cache line at an address into the second-level cache; there is no fault, whatever is there."""
    pointer = _BYTE.as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [pointer, _WORD, _WORD, _WORD])
    prefetch = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
    reading, second_level, data = _WORD(0), _WORD(2), _WORD(1)
    builder.call(prefetch, [builder.inttoptr(address, pointer), reading, second_level, data])


def _fetched(typing: Any, address: Any) -> Any:  # noqa: ARG001 (Numba's signature)
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001
        _prefetch(builder, arguments[0])
        return context.get_dummy_value()

    return types.void(types.intp), code


fetch: Any = intrinsic(_fetched)  # the cache line at an address, for kernels


@dataclass(frozen=True)
class _Loop:
    """One tile: llvmlite's builder, its size, how a vector is read, and what `strided_tile` tells of the rest."""

    builder: Any
    queries: int
    vectors: int
    read: Callable[[Any, Any], Any]

    def rows(self, start: Any, stride: Any, count: int) -> list[Any]:
        return [self.builder.add(start, self.builder.mul(stride, start.type(place))) for place in range(count)]

    def step(self, sums: list[Any], weights: list[Any], places: list[Any], ahead: Any) -> list[Any]:
        """The sums grown by one step's numbers, which lie at `places`."""
        grown, numbers = [], [self.read(self.builder, place) for place in places]
        for place in places:
            _prefetch(self.builder, self.builder.add(place, ahead))
        for query, weight in enumerate(weights):
            own = sums[query * self.vectors : (query + 1) * self.vectors]
            grown += [
                multiply_add(self.builder, sum_, number, weight) for sum_, number in zip(own, numbers, strict=True)
            ]
        return grown

    def write(self, arguments: Any) -> None:
        inputs, input_bytes, start, step_bytes, vector_bytes, steps, ahead, out, out_bytes = arguments
        builder, address = self.builder, start.type
        ins, begins = self.rows(inputs, input_bytes, self.queries), self.rows(start, vector_bytes, self.vectors)
        before, loop, after = builder.block, builder.append_basic_block("loop"), builder.append_basic_block("after")
        builder.branch(loop)
        builder.position_at_end(loop)
        step, offset = builder.phi(address), builder.phi(address)
        sums = [builder.phi(_NUMBERS) for _ in range(self.queries * self.vectors)]
        fours = builder.mul(step, address(4))
        weights = [splat(builder, load(builder, builder.add(row, fours), _FLOAT), _NUMBERS) for row in ins]
        grown = self.step(sums, weights, [builder.add(begin, offset) for begin in begins], ahead)
        later = [builder.add(step, address(1)), builder.add(offset, step_bytes), *grown]
        builder.cbranch(builder.icmp_signed("<", later[0], steps), loop, after)
        zeros = [address(0), address(0), *[ir.Constant(_NUMBERS, [0.0] * LANES)] * len(sums)]
        for phi, zero, value in zip([step, offset, *sums], zeros, later, strict=True):
            phi.add_incoming(zero, before)
            phi.add_incoming(value, loop)
        builder.position_at_end(after)
        outs = [place for row in self.rows(out, out_bytes, self.queries) for place in self._vectors_of(row)]
        for place, value in zip(outs, grown, strict=True):
            builder.store(value, builder.inttoptr(place, _NUMBERS.as_pointer()), align=4)

    def _vectors_of(self, row: Any) -> list[Any]:
        return self.rows(row, row.type(VECTOR_BYTES), self.vectors)


def _strided_tile(read: Callable[[Any, Any], Any]) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ARG001 (Numba's signature)
        done, number = builder.append_basic_block("done"), arguments[0].type
        chosen = builder.add(builder.mul(arguments[0], number(VECTORS + 1)), arguments[1])
        choice = builder.switch(chosen, done)
        for queries in range(1, QUERIES + 1):
            for vectors in range(1, VECTORS + 1):
                block = builder.append_basic_block(f"tile{queries}x{vectors}")
                choice.add_case(number(queries * (VECTORS + 1) + vectors), block)
                builder.position_at_end(block)
                _Loop(builder, queries, vectors, read).write(arguments[2:])
                builder.branch(done)
        builder.position_at_end(done)
        return context.get_dummy_value()

    def multiply(
        typing: Any, queries: Any, vectors: Any, inputs: Any, input_bytes: Any, start: Any,  # noqa: ARG001
        step_bytes: Any, vector_bytes: Any, steps: Any, ahead: Any, out: Any, out_bytes: Any,  # noqa: ARG001
    ) -> Any:  # fmt: skip
        return types.void(*[types.intp] * 11), code

    return intrinsic(multiply)


# Functions for kernels: out [queries,vectors*LANES] = inputs [queries,steps] fp32 times numbers [steps,vectors*LANES],
# for 1 to QUERIES queries and 1 to VECTORS vectors; at least one step. They take the two numbers; the inputs' address,
# and bytes from one query to the next; the numbers' address, and bytes from one step and from one vector to the next;
# the number of steps; how far behind each number that is read stands what will be read soon; the address of out, and
# bytes from one query to the next.
floats_tile = _strided_tile(_load_floats)
halves_tile = _strided_tile(_load_halves)
