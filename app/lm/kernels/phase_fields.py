"""What a run of phases (phases.py) and each of its phases are told: the places of fields in arrays of int64.

Addresses and sizes, fp32 numbers by their bits (tasks.field). "Row" is how many numbers lie from one token to the next.
"""

# Of a run.
PROGRAM, FIRST, STOP, TOKENS, IS_FP32, COUNTERS, SCRATCH, SCRATCH_BYTES, MEMBERS, YIELDER = range(10)
ROWS, POSITIONS, CACHE, CACHE_ROWS, SLOTS, OUT, FORM = range(10, 17)
# IS_FP32 is about the cache, FORM about what products read (packed_linear.FORMS).

# Of a phase.
SIZE = 24
KIND = 0
NORM, PRODUCT, GATE, TURN, ATTEND, ROUND = range(6)

# Numbers [M,NUMBERS_ROW] fp32 that are rounded for products with weights in 8 bits.
NUMBERS, NUMBERS_ROW, ROUNDED, ROUNDED_ROW = range(1, 5)

# A norm; WEIGHTS [HIDDEN] where it has its own.
STREAM, MORE, MORE_ROW, NORMED, NORMED_ROW, HIDDEN, EPSILON, WEIGHTS = range(1, 9)

# A product; for a gate, of gates and of values. A target of 0 is the run's OUT.
INPUTS, STEPS, COLUMNS, PANELS, BIAS, TARGET = range(1, 7)
PANELS2, BIAS2, TARGET_ROW, WIDTH = range(7, 11)

# Heads, as they are turned and as they attend; the epsilon stands where a norm's does.
HEADS, HEADS_ROW, MIXED, MIXED_ROW, QUERIES, NARROW, HEAD_SIZE = 1, 2, 3, 4, 5, 6, 8
ROTATED, NORMS, NORM_SIZE, LAYER, COSINES, SINES = range(9, 15)
