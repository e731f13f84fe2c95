"""Fine tones as levels: the end of every line. Four pixels at a time, in vectors that the compiler makes of no loop."""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import int64, njit, types, uint8, uint16, void
from numba.core import cgutils
from numba.extending import intrinsic

from filters.line import FINE, FINE_BITS, Line, Words

LANES = 16
BRIGHTEST = 255
THREE_OF_FOUR = [lane for lane in range(LANES) if lane % 4 < 3]
_INDEX, _WORD = ir.IntType(32), ir.IntType(64)


@intrinsic
def round_four(_: Any, words: Any, black: Any, line: Any, x: Any) -> tuple[Any, Callable[..., Any]]:
    """Write a tuple of four words, which are `black` where they should be 0, as the line's pixels from `x` on."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes, four = ir.VectorType(ir.IntType(16), LANES), ir.VectorType(_WORD, 4)(ir.Undefined)
        for place in range(4):
            four = builder.insert_element(four, builder.extract_value(arguments[0], place), _INDEX(place))
        bias = builder.insert_element(lanes(ir.Undefined), arguments[1], _INDEX(0))
        bias = builder.shuffle_vector(bias, bias, ir.VectorType(_INDEX, LANES)([0] * LANES))
        tones, white = builder.bitcast(four, lanes), lanes([BRIGHTEST] * LANES)
        tones = builder.sub(builder.select(builder.icmp_unsigned(">", tones, bias), tones, bias), bias)
        levels = builder.lshr(builder.add(tones, lanes([FINE // 2] * LANES)), lanes([FINE_BITS] * LANES))
        levels = builder.select(builder.icmp_unsigned("<", levels, white), levels, white)
        samples = builder.trunc(levels, ir.VectorType(ir.IntType(8), LANES))
        samples = builder.shuffle_vector(samples, samples, ir.VectorType(_INDEX, len(THREE_OF_FOUR))(THREE_OF_FOUR))
        first = cgutils.create_struct_proxy(signature.args[2])(context, builder, arguments[2]).data  # type: ignore[no-untyped-call]
        at = builder.gep(first, [builder.mul(arguments[3], _WORD(3))])
        builder.store(samples, builder.bitcast(at, samples.type.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(words, black, line, x), generate


@njit(inline="always")
def round_one(word: int, black: np.uint16, line: Line, x: np.uint64) -> None:
    """Write one word as `round_four` writes four."""
    for c in range(3):
        tone = np.uint16(max(np.uint16(word >> 16 * c), black) - black)
        level = np.uint16(np.uint16(tone + np.uint16(FINE // 2)) >> np.uint16(FINE_BITS))
        line[np.uint64(3) * x + np.uint64(c)] = min(level, np.uint16(BRIGHTEST))


@njit(void(int64[::1], uint16, uint8[::1]), cache=True)
def round_line(words: Words, black: np.uint16, line: Line) -> None:
    """Write fine tones, or sums that are `black` where they should be 0 and MOST_SUM at most, as levels."""
    for i in range(0, words.size - 3, 4):
        x = np.uint64(i)
        four = words[x], words[x + np.uint64(1)], words[x + np.uint64(2)], words[x + np.uint64(3)]
        round_four(four, black, line, x)  # type: ignore[call-arg]
    for i in range(words.size // 4 * 4, words.size):
        round_one(words[i], black, line, np.uint64(i))
