"""Register tiles: a few rows of vectors that fit in the registers of one core.

A sum in an array is loaded and stored for every term, because the compiler cannot rule out aliasing. A tile is therefore a
numba type with its own instructions: ``load_tile``, ``add_outer``, ``store_tile`` and a few more. Each has two
implementations: in numpy, which defines it and runs without compilation (``NUMBA_DISABLE_JIT=1``), and as LLVM vector
instructions. Tiles reach 113 of the 114 GFLOP/s peak of one core of the machine tested; sums in an array reach 60 to 100.
The loops over tiles are in ``outer``.
"""

from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model

from ..types import Array
from .machine import VECTOR_BYTES

LINE = 64  # bytes per cache line


def _load_tile(sums: Array, at: int, apart: int, rows: int, vectors: int) -> Array:
    """tile[r, j] = sums[at + r·apart + j]."""
    length = vectors * VECTOR_BYTES // sums.itemsize
    return np.stack([sums[int(at + r * apart) :][:length] for r in range(rows)])


def _store_tile(tile: Array, sums: Array, at: int, apart: int) -> None:
    """sums[at + r·apart + j] = tile[r, j]."""
    for r in range(len(tile)):
        sums[int(at + r * apart) :][: tile.shape[1]] = tile[r]


def _add_outer(tile: Array, a: Array, places: tuple[int, ...], b: Array, at: int) -> Array:
    """tile[r, j] + a[places[r]] · b[at + j]."""
    total: Array = tile + a[np.array(places, np.intp)][:, None] * b[int(at) :][: tile.shape[1]]
    return total


def _add_products(tile: Array, a: Array, at: int, apart: int, b: Array, b_at: int) -> Array:
    """tile[r, j] + a[at + r·apart + j] · b[b_at + j]."""
    rows, length = tile.shape
    vectors = length * a.itemsize // VECTOR_BYTES
    total: Array = tile + _load_tile(a, at, apart, rows, vectors) * b[int(b_at) :][:length]
    return total


def _add_tiles(left: Array, right: Array) -> Array:
    """tile[r, j] = left[r, j] + right[r, j]."""
    total: Array = left + right
    return total


def _subtract_tiles(left: Array, right: Array) -> Array:
    """tile[r, j] = left[r, j] - right[r, j]."""
    difference: Array = left - right
    return difference


def _add_scaled(left: Array, right: Array, factor: int) -> Array:
    """tile[r, j] = left[r, j] + factor · right[r, j]; ``factor`` is a constant."""
    total: Array = left + factor * right
    return total


def _max_tiles(left: Array, right: Array) -> Array:
    """tile[r, j] = the larger of left[r, j] and right[r, j]; NaN if one of them is NaN."""
    larger: Array = np.maximum(left, right)
    return larger


def _min_tiles(left: Array, right: Array) -> Array:
    """tile[r, j] = the smaller of left[r, j] and right[r, j]; NaN if one of them is NaN."""
    smaller: Array = np.minimum(left, right)
    return smaller


def _prefetch(a: Array, at: int, vectors: int) -> None:
    """Nothing but a hint: ``vectors`` vectors from a[at] on are read soon. They need not exist."""


def _turn_square(a: Array, at: int, apart: int, b: Array, to: int, b_apart: int) -> None:
    """b[to + j·b_apart + i] = a[at + i·apart + j], i and j up to the length of a vector."""
    side = VECTOR_BYTES // a.itemsize
    rows = _load_tile(a, at, apart, side, 1)
    _store_tile(rows.T, b, to, b_apart)


class Tile(types.Type):
    """numba type of a tile with a number of rows and vectors per row."""

    def __init__(self, rows: int, vectors: int, dtype: Any) -> None:
        self.rows, self.vectors, self.dtype = rows, vectors, dtype
        super().__init__(name=f"Tile({rows}, {vectors}, {dtype})")


def _vector(dtype: Any) -> ir.VectorType:
    """The LLVM type of one vector register."""
    number = {types.float32: ir.FloatType(), types.float64: ir.DoubleType(), types.int32: ir.IntType(32)}[dtype]
    return ir.VectorType(number, VECTOR_BYTES * 8 // dtype.bitwidth)


@register_model(Tile)
class _TileModel(models.PrimitiveModel):
    def __init__(self, manager: Any, tile: Tile) -> None:
        super().__init__(manager, tile, ir.ArrayType(_vector(tile.dtype), tile.rows * tile.vectors))  # type: ignore[no-untyped-call]


class _Pointer:
    """Addresses of elements and vectors of a flat array in compiled code."""

    def __init__(self, context: Any, builder: Any, array_type: Any, array: Any) -> None:
        self._builder = builder
        self._vector = _vector(array_type.dtype)
        self._first = context.make_array(array_type)(context, builder, array).data

    def number(self, at: Any) -> Any:
        """Load one element."""
        return self._builder.load(self._builder.gep(self._first, [at]))

    def vectors(self, at: Any, count: int) -> list[Any]:
        """Addresses of ``count`` consecutive vectors."""
        builder, lanes = self._builder, self._vector.count
        places = [builder.gep(self._first, [builder.add(at, at.type(v * lanes))]) for v in range(count)]
        return [builder.bitcast(place, self._vector.as_pointer()) for place in places]


def _emit_load_tile(_: Any, sums: Any, at: Any, apart: Any, rows: Any, vectors: Any) -> Any:
    tile = Tile(rows.literal_value, vectors.literal_value, sums.dtype)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = ir.Constant(context.get_value_type(tile), ir.Undefined)
        pointer = _Pointer(context, builder, sums, arguments[0])
        at, apart = arguments[1], arguments[2]
        for r in range(tile.rows):
            for v, place in enumerate(pointer.vectors(at, tile.vectors)):
                loaded = builder.load(place, align=sums.dtype.bitwidth // 8)
                values = builder.insert_value(values, loaded, r * tile.vectors + v)
            at = builder.add(at, apart)
        return values

    return tile(sums, types.uintp, types.uintp, rows, vectors), emit


def _emit_store_tile(_: Any, tile: Any, sums: Any, at: Any, apart: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, at, apart = arguments[0], arguments[2], arguments[3]
        pointer = _Pointer(context, builder, sums, arguments[1])
        for r in range(tile.rows):
            for v, place in enumerate(pointer.vectors(at, tile.vectors)):
                value = builder.extract_value(values, r * tile.vectors + v)
                builder.store(value, place, align=sums.dtype.bitwidth // 8)
            at = builder.add(at, apart)
        return context.get_dummy_value()

    return types.void(tile, sums, types.uintp, types.uintp), emit


def _emit_add_outer(_: Any, tile: Any, a: Any, places: Any, b: Any, at: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, at = arguments[0], arguments[4]
        vector, index = _vector(b.dtype), ir.IntType(32)
        unset, first = ir.Constant(vector, ir.Undefined), ir.Constant(ir.VectorType(index, vector.count), None)
        numbers = _Pointer(context, builder, a, arguments[1])
        run = _Pointer(context, builder, b, arguments[3]).vectors(at, tile.vectors)
        factors = [builder.load(place, align=b.dtype.bitwidth // 8) for place in run]
        for r, place in enumerate(cgutils.unpack_tuple(builder, arguments[2])):  # type: ignore[no-untyped-call]
            alone = builder.insert_element(unset, numbers.number(place), index(0))
            factor = builder.shuffle_vector(alone, unset, first)
            for v in range(tile.vectors):
                product = builder.fmul(factor, factors[v], flags=("contract",))
                total = builder.fadd(product, builder.extract_value(values, r * tile.vectors + v), flags=("contract",))
                values = builder.insert_value(values, total, r * tile.vectors + v)
        return values

    numbers = types.UniTuple(types.uintp, tile.rows)  # type: ignore[no-untyped-call]
    return tile(tile, a, numbers, b, types.uintp), emit


def _emit_add_products(_: Any, tile: Any, a: Any, at: Any, apart: Any, b: Any, b_at: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, at, apart, align = arguments[0], arguments[2], arguments[3], b.dtype.bitwidth // 8
        pixels = _Pointer(context, builder, a, arguments[1])
        run = _Pointer(context, builder, b, arguments[4]).vectors(arguments[5], tile.vectors)
        factors = [builder.load(place, align=align) for place in run]
        for r in range(tile.rows):
            for v, place in enumerate(pixels.vectors(at, tile.vectors)):
                product = builder.fmul(builder.load(place, align=align), factors[v], flags=("contract",))
                total = builder.fadd(product, builder.extract_value(values, r * tile.vectors + v), flags=("contract",))
                values = builder.insert_value(values, total, r * tile.vectors + v)
            at = builder.add(at, apart)
        return values

    return tile(tile, a, types.uintp, types.uintp, b, types.uintp), emit


def _emit_by_vector(combine: Callable[[Any, Any, Any], Any]) -> Callable[..., Any]:
    """An instruction that applies ``combine(builder, left, right)`` to every pair of vectors of two tiles."""

    def instruction(_: Any, left: Any, right: Any) -> Any:
        def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            values = arguments[0]
            for v in range(left.rows * left.vectors):
                pair = (builder.extract_value(argument, v) for argument in arguments)
                values = builder.insert_value(values, combine(builder, *pair), v)
            return values

        return left(left, left), emit

    return instruction


def _emit_replace(comparison: str) -> Callable[..., Any]:
    """An instruction that takes elements of the right tile where this comparison, such as ">", holds, or where they are NaN."""

    def combine(builder: Any, a: Any, b: Any) -> Any:
        holds, number = builder.fcmp_unordered(comparison, b, a), builder.fcmp_ordered("ord", a, a)
        return builder.select(builder.and_(holds, number), b, a)

    return _emit_by_vector(combine)


def _emit_add_scaled(_: Any, left: Any, right: Any, factor: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values, vector = arguments[0], _vector(left.dtype)
        scale = ir.Constant(vector, [float(factor.literal_value)] * vector.count)
        for v in range(left.rows * left.vectors):
            a, b = (builder.extract_value(argument, v) for argument in arguments[:2])
            product = builder.fmul(scale, b, flags=("contract",))
            values = builder.insert_value(values, builder.fadd(product, a, flags=("contract",)), v)
        return values

    return left(left, left, factor), emit


def _emit_prefetch(_: Any, a: Any, at: Any, vectors: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        number, address = ir.IntType(32), ir.IntType(8).as_pointer()
        hint = builder.module.declare_intrinsic(
            "llvm.prefetch", [address], ir.FunctionType(ir.VoidType(), [address, number, number, number])
        )
        places = _Pointer(context, builder, a, arguments[0]).vectors(arguments[1], vectors.literal_value)
        for place in places[:: max(1, LINE // VECTOR_BYTES)]:
            # To read, into the caches of all levels, data.
            builder.call(hint, [builder.bitcast(place, address), number(0), number(3), number(1)])
        return context.get_dummy_value()

    return types.void(a, types.uintp, vectors), emit


def _emit_turn_square(_: Any, a: Any, at: Any, apart: Any, b: Any, to: Any, b_apart: Any) -> Any:
    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes, align = _vector(a.dtype).count, a.dtype.bitwidth // 8
        pointer, at, apart = _Pointer(context, builder, a, arguments[0]), arguments[1], arguments[2]
        rows = []
        for _ in range(lanes):
            rows.append(builder.load(pointer.vectors(at, 1)[0], align=align))
            at = builder.add(at, apart)
        distance = 1
        while distance < lanes:  # swap blocks of size 1, 2, 4, … across the diagonal
            upper = [j if j & distance == 0 else lanes + j - distance for j in range(lanes)]
            lower = [j + distance if j & distance == 0 else lanes + j for j in range(lanes)]
            for r in range(lanes):
                if r & distance == 0:
                    pair = rows[r], rows[r + distance]
                    for place, mask in ((r, upper), (r + distance, lower)):
                        order = ir.Constant(ir.VectorType(ir.IntType(32), lanes), mask)
                        rows[place] = builder.shuffle_vector(*pair, order)
            distance *= 2
        pointer, to, apart = _Pointer(context, builder, b, arguments[3]), arguments[4], arguments[5]
        for row in rows:
            builder.store(row, pointer.vectors(to, 1)[0], align=align)
            to = builder.add(to, apart)
        return context.get_dummy_value()

    return types.void(a, types.uintp, types.uintp, b, types.uintp, types.uintp), emit


def _instruction(meaning: Callable[..., Any], emit: Callable[..., Any]) -> Callable[..., Any]:
    """The compiled instruction, or its numpy definition if compilation is disabled."""
    disabled: bool = numba.config.DISABLE_JIT  # type: ignore[attr-defined]
    return meaning if disabled else intrinsic(prefer_literal=True)(emit)


load_tile = _instruction(_load_tile, _emit_load_tile)
store_tile = _instruction(_store_tile, _emit_store_tile)
add_outer = _instruction(_add_outer, _emit_add_outer)
add_products = _instruction(_add_products, _emit_add_products)
add_tiles = _instruction(_add_tiles, _emit_by_vector(lambda builder, a, b: builder.fadd(a, b)))
add_scaled = _instruction(_add_scaled, _emit_add_scaled)
max_tiles = _instruction(_max_tiles, _emit_replace(">"))
min_tiles = _instruction(_min_tiles, _emit_replace("<"))
prefetch = _instruction(_prefetch, _emit_prefetch)
turn_square = _instruction(_turn_square, _emit_turn_square)
subtract_tiles = _instruction(_subtract_tiles, _emit_by_vector(lambda builder, a, b: builder.fsub(a, b)))
