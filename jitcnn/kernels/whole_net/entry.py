"""Entries of one row of the table of a compiled network, see ``table``."""

# What runs: the kind of layer; units of work, rows of the output or of tiles; whether the threads share them.
KIND, UNITS, SHARED = range(3)
# The output; BLOCK lanes of a convolution are computed together.
ROWS, COLUMNS, LANES, BLOCK = range(3, 7)
# The input: first window, offset from row to row of pixels, and offsets between windows.
FROM, FROM_DOWN, DOWN, ALONG = range(7, 11)
# The first pixel of the output, and the offset from row to row.
TO, TO_DOWN = range(11, 13)
# Whether a ReLU follows; the addend before it, or -1, and its offset from row to row.
RELU, ADD, ADD_DOWN = range(13, 16)
# The window of pooling.
K_H, K_W = range(16, 18)
# Where the factors and the bias begin in ``Tables.numbers``.
FACTORS, BIAS = range(18, 20)
# Direct and depthwise sums: the number of taps, and where their offsets begin in ``Tables.offsets``. Direct sums: where four zeros
# and then the offsets of the windows of AT_ONCE rows begin.
COUNT, TAPS, PLACES = range(20, 23)
# Winograd: outputs in a row of a tile, 2 or 4, tiles in a row, rows of tiles (for direct sums, of pixels) at once, input channels, and
# where the offsets of the tiles begin.
SIDE, TILES, AT_ONCE, CHANNELS, TILE_STEPS = range(23, 28)
# Where the offsets of the factors of each tap or channel begin.
FILTER_STEPS = 28
# Direct sums: where the offsets of the first channel of each block of lanes begin.
CHANNEL_STEPS = 29
# The offset from channel to channel of the image, whose normalised pixels begin at FACTORS, or of what a copy of COUNT channels reads.
CHANNEL = 30
# The first channel that a copy writes.
TO_CHANNEL = 31
# Where the upper limit of the ReLU, a vector, lies in ``Tables.numbers``, or -1.
CEILING = 32

ENTRIES = 33
