"""Points of the plane as binary vectors: each coordinate a sign bit and a Gray-coded magnitude.

A coordinate v becomes the magnitude trunc(|v| * units) in Gray code behind a sign bit, x first, then y. Gray code makes
neighbouring cells differ in one bit, so a small move in the plane is a small move on the hypercube. The sign is that of v
itself, so every cell, also the two beside zero, has the same width 1 / units. This is the representation of
Dai et al., "Learning Discrete Energy-based Models via Auxiliary-variable Local Exploration" (2020, arXiv 2011.05363).
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8

FULL_BITS = 16


@dataclass(frozen=True)
class Grid:
    """The cells of the plane: `bits` an axis, with `units` cells per unit length at 16 bits (half as many per bit less)."""

    units: float
    bits: int = FULL_BITS

    def __post_init__(self):
        if not 3 <= self.bits <= FULL_BITS:
            raise ValueError(f"bits must be in 3..{FULL_BITS}, got {self.bits}")
        if not self.units > 0:
            raise ValueError(f"units must be positive, got {self.units}")

    @property
    def dim(self) -> int:
        """Number of binary variables of a point."""
        return 2 * self.bits

    @property
    def side(self) -> int:
        """Cells along an axis."""
        return 2**self.bits

    @property
    def cell(self) -> float:
        """Width of a cell in the plane."""
        return 2.0 ** (FULL_BITS - self.bits) / self.units

    def levels(self, xy: Float[np.ndarray, "n 2"]) -> Int[np.ndarray, "n 2"]:
        """Cell numbers in 0..side-1 along each axis, from left and from below; points outside go to the border."""
        half = self.side // 2
        # Clipped before the conversion, which would wrap points far outside round to the other border.
        return (np.clip(np.floor(xy / self.cell), -half, half - 1) + half).astype(np.int64)

    def centres(self, levels: Int[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Middle of each cell in the plane."""
        return ((levels - self.side // 2 + 0.5) * self.cell).astype(np.float32)

    def bits_of_levels(self, levels: Int[np.ndarray, "n 2"]) -> UInt8[np.ndarray, "n dim"]:
        """Sign bit and Gray-coded magnitude of each axis, most significant bit first."""
        half = self.side // 2
        signed = levels - half
        negative = signed < 0
        magnitude = np.where(negative, -1 - signed, signed)
        code = (magnitude ^ (magnitude >> 1)) | np.where(negative, half, 0)
        aligned = (code << (FULL_BITS - self.bits)).astype(">u2")
        unpacked = np.unpackbits(aligned.view(np.uint8).reshape(len(levels), 2, 2), axis=-1)
        return unpacked[:, :, : self.bits].reshape(len(levels), self.dim)

    def levels_of_bits(self, x: UInt8[np.ndarray, "n dim"]) -> Int[np.ndarray, "n 2"]:
        """Inverse of `bits_of_levels`."""
        axes = x.reshape(len(x), 2, self.bits).astype(np.int64)
        # A Gray-coded number is the running exclusive-or of its bits, from the most significant one.
        binary = np.bitwise_xor.accumulate(axes[:, :, 1:], axis=-1)
        magnitude = binary @ (1 << np.arange(self.bits - 2, -1, -1, dtype=np.int64))
        return np.where(axes[:, :, 0] == 1, -1 - magnitude, magnitude) + self.side // 2

    def encode(self, xy: Float[np.ndarray, "n 2"]) -> UInt8[np.ndarray, "n dim"]:
        """Bits of the cells that hold the points."""
        return self.bits_of_levels(self.levels(xy))

    def decode(self, x: UInt8[np.ndarray, "n dim"]) -> Float[np.ndarray, "n 2"]:
        """Centres of the cells that the bits name."""
        return self.centres(self.levels_of_bits(x))
