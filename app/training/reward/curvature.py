"""Second derivatives of a loss under a Gaussian prior, H = diag(precisions) + X' M X: solved by, and their determinant.

Rankings tell weights apart in as many directions as X has rows. Where these are fewer than the columns, all is computed
in their number by the matrix inversion lemma (Rasmussen & Williams 2006, equations A.9 and A.10; the well-conditioned
form of section 3.4.1): with Z = M^1/2 X diag(precisions)^-1/2 and B = I + Z Z',
H^-1 = diag(precisions)^-1/2 (I - Z' B^-1 Z) diag(precisions)^-1/2 and |H| = |B| times the precisions.

Shapes: R rankings, S rows of each, N rows of all, D columns, E columns of a right side.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

STRIPS = 3  # of a symmetric product: what lies above its diagonal strips is not computed
SMALL = 128  # columns of a triangle that is inverted as a whole
FEW = 0.7  # rows a column: with more of them columns cost less


@dataclass(frozen=True)
class Curvature:
    """`rows` [R,S,D], symmetric `mixing` [R,S,S] without negative eigenvalues, `mask` [R,S] which rows are there (None:
    all), `precisions` [D] above 0; all float64."""

    rows: Tensor
    mixing: Tensor
    mask: Tensor | None
    precisions: Tensor

    @property
    def few(self) -> bool:
        """Whether it is computed in rows."""
        return self.rows.shape[0] * self.rows.shape[1] <= FEW * self.rows.shape[2]

    @cached_property
    def factor(self) -> Tensor:
        """The lower triangle [D,D] whose square is H."""
        moment = weighted_moment(self.rows, self.mixing, self.mask)
        whole: Tensor = torch.linalg.cholesky(moment + torch.diag(self.precisions))
        return whole

    @cached_property
    def _scaled(self) -> Tensor:
        """Z [N,D]."""
        squares, directions = torch.linalg.eigh(self.mixing)
        root = (directions * squares.clamp(min=0).sqrt().unsqueeze(1)) @ directions.mT
        scaled: Tensor = (root @ self.rows).flatten(0, 1) * self.precisions.rsqrt()
        return scaled

    @cached_property
    def _inner(self) -> Tensor:
        """The lower triangle [N,N] whose square is B."""
        scaled = self._scaled
        whole: Tensor = torch.linalg.cholesky(scaled @ scaled.T + torch.eye(len(scaled), dtype=torch.float64))
        return whole

    def solved(self, right: Tensor) -> Tensor:
        """H^-1 right, [D,E] -> [D,E]."""
        if not self.few:
            return torch.cholesky_solve(right, self.factor)
        root = self.precisions.rsqrt().unsqueeze(1)
        turned = right * root
        return (turned - self._scaled.T @ torch.cholesky_solve(self._scaled @ turned, self._inner)) * root

    def determined(self) -> Tensor:
        """[D] how much of each weight the rankings determine, from 0 to 1: 1 - precision times the inverse's
        diagonal."""
        if not self.few:
            return (1.0 - self.precisions * inverse_triangle(self.factor).square().sum(0)).clamp(min=0)
        told: Tensor = torch.linalg.solve_triangular(self._inner, self._scaled, upper=False).square().sum(0)
        return told.clamp(max=1)

    def log_determinant(self) -> float:
        if not self.few:
            return 2.0 * float(self.factor.diagonal().log().sum())
        return float(self.precisions.log().sum()) + 2.0 * float(self._inner.diagonal().log().sum())


def weighted_moment(rows: Tensor, mixing: Tensor, mask: Tensor | None = None) -> Tensor:
    """[D,D] the sum over r of rows[r]' mixing[r] rows[r], for rows [R,K,D] and symmetric mixing [R,K,K]; `mask` [R,K]
    says which rows are there."""
    left, right = (mixing @ rows).flatten(0, 1), rows.flatten(0, 1)
    if mask is not None and not bool(mask.all()):
        left, right = left[mask.flatten()], right[mask.flatten()]
    size = rows.shape[2]
    moment, wide = torch.empty(size, size, dtype=torch.float64), -(-size // STRIPS)
    for start in range(0, size, wide):
        stop = min(start + wide, size)
        moment[start:stop, :stop] = left[:, start:stop].T @ right[:, :stop]
        moment[:start, start:stop] = moment[start:stop, :start].T
    return moment


def inverse_triangle(factor: Tensor) -> Tensor:
    """Of a lower triangle [D,D], by halves: a general solver would compute the zeros as well."""
    if len(factor) <= SMALL:
        whole: Tensor = torch.linalg.solve_triangular(factor, torch.eye(len(factor), dtype=torch.float64), upper=False)
        return whole
    half = len(factor) // 2
    upper, lower = inverse_triangle(factor[:half, :half]), inverse_triangle(factor[half:, half:])
    across = -lower @ (factor[half:, :half] @ upper)
    return torch.cat([F.pad(upper, (0, len(lower))), torch.cat([across, lower], 1)])
