"""A noise model: a base, the convolution A and added Gaussian noise, composed.

Nos. 1-4:   y = x + A (std(x) n)          an `Additive` base, which holds A itself
Nos. 5-16:  y = A N(x) + gaussian n       any other base N
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

import torch

from noise import checks, guards
from noise._outside import origin
from noise.additive import Additive
from noise.base import Base
from noise.convolution import Convolution
from noise.expressions import without_convolution
from noise.gaussian import Gaussian, SharpenedGaussian, normal
from noise.names import number_of
from noise.traits import Traits

#: Limits of y (grey levels) and s (per grey level) in the guarded solve: far beyond any image or score.
LIMIT = 1e6


@dataclass(frozen=True)
class Decorrelated:
    """y' = A^-1 y seen as noise of its own, independent between pixels, on an image x'.

    Parameters
    ----------
    model : NoiseModel
        The law of y' given x'.
    same_image : bool
        x' is x itself (Nos. 6, 8, 10); otherwise x' = A^-1 x (Nos. 2, 4).
    convolution : Convolution
        A.
    """

    model: NoiseModel
    same_image: bool
    convolution: Convolution

    def forward(self, y: torch.Tensor) -> torch.Tensor:
        """y to y'."""
        return self.convolution.inverse(y)

    def forward_clean(self, x: torch.Tensor) -> torch.Tensor:
        """x to x'."""
        return x if self.same_image else self.convolution.inverse(x)

    def backward(self, x: torch.Tensor) -> torch.Tensor:
        """An estimate of x' to one of x."""
        return x if self.same_image else self.convolution.apply(x)


@dataclass(frozen=True)
class NoiseModel:
    """One of the paper's noise models; made by `noise.get`.

    Images are (N, C, H, W) or (C, H, W) tensors of grey levels, nominally in [0, 255]; noisy images are neither clipped
    nor rounded; scores are per grey level. float32 or float64, on any device; outputs are as the inputs.

    Parameters
    ----------
    number : int
        Row of Table 1, 1 to 16; 0 for a composition that is none of them.
    slug, title : str
        Its name for programs and for readers.
    base : Base
        The noise before A.
    convolution : Convolution or None
        A; None is the identity.
    gaussian : float
        Standard deviation of the Gaussian noise added last (grey levels); 0 for none, and for Nos. 1-4.
    parameters : dict
        The parameters in force, by their keyword of `noise.get`.
    """

    number: int
    slug: str
    title: str
    base: Base
    convolution: Convolution | None = None
    gaussian: float = 0.0
    parameters: dict[str, float] = field(default_factory=dict, hash=False)

    @property
    def law(self) -> str:
        """Everything that determines p(y | x), in words that are equal for equal laws (hashed into training keys)."""
        outside = f"{self.base.slug} " if origin(self.base) else ""  # whose class may have the name of another
        return f"{outside}{self.base} {self.convolution} gaussian={self.gaussian}"

    @property
    def formula(self) -> str:
        """The model as in Table 1, for readers: "y = A(η ⊙ x) + ε, η ~ Gamma(α, α), ε ~ N(0, σ²)"."""
        clean, law = self.base.formula
        noisy = f"A({clean})" if self.convolution is not None and not self.base.additive else clean
        if not self.gaussian:
            return f"y = {noisy}, {law}"
        name = next((name for name in ("added_sigma", "extra_sigma") if name in self.parameters), "σ")
        return f"y = {noisy} + ε, {law}, ε ~ N(0, {name}²)"

    @property
    def traits(self) -> Traits:
        """What methods may know of this model; see `Traits`."""
        base, convolved, pure = self.base, self.convolution is not None, self.gaussian == 0
        base_unbiased = base.proportional and base.mean_gain == 1
        return Traits(
            additive=base.additive,
            signal_dependent=base.signal_dependent,
            independent=base.independent and not convolved,
            unbiased=base_unbiased and (base.additive or not convolved),
            base_unbiased=base_unbiased,
            exponential_family=base.exponential_family and pure and (base.additive or self._invertible),
            convolved=convolved,
            gaussian=self.gaussian,
            invertible=self._invertible,
            base_independent=base.independent,
            proportional=base.proportional,
            score=base.has_score,
            kernel=base.has_kernel,
            splits=base.has_split and pure and self._invertible,
            erasing=base.kept < 1 and pure,
            shot=base.shot,
        )

    @property
    def _invertible(self) -> bool:
        return self.convolution is None or self.convolution.invertible

    def sample(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """A noisy image y of the clean x, of its shape, dtype and device.

        Parameters
        ----------
        x : Tensor
            Clean image, values >= 0.
        generator : torch.Generator, optional
            On the device of x; the default is torch's global one.

        Raises
        ------
        TypeError, ValueError
            For an image that is not float32 or float64; for values below 0 where the noise is not additive.
        """
        checks.refuse_other_types(x)
        if not self.base.additive:
            checks.refuse_negative(x, self.slug)
        y = self.base.sample(x, generator)
        if self.convolution is not None and not self.base.additive:
            y = self.convolution.apply(y)
        if self.gaussian:
            y = y + self.gaussian * normal(x, generator)
        return y

    def score(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """f(x, y), the gradient of log p(y | x) by y, for x > 0 (per grey level, the shape of y).

        Raises
        ------
        NotImplementedError
            With Gaussian noise added to a multiplicative one (Nos. 11-16) there is no closed form. Nor is there a use of it
            where A has no inverse of use, and some bases have none.
        """
        checks.refuse_no_inverse(self._invertible, self.slug)
        if self.gaussian:
            raise NotImplementedError(f"{self.slug}: the score of a mixture has no closed form (the paper, Sec. 3.2.3)")
        if self.base.additive or self.convolution is None:
            return self.base.score(x, y)
        return self.convolution.inverse_adjoint(self.base.score(x, self.convolution.inverse(y)))

    def solve(self, y: torch.Tensor, s: torch.Tensor, iterations: int | None = None, sigma_a: float = 0.0) -> torch.Tensor:
        """The x that solves s = f(x, y), the paper's Eq. 7: the denoised image.

        Parameters
        ----------
        y, s : Tensor
            Noisy image and the score there, of one shape.
        iterations : int, optional
            None solves accurately, and guards where Eq. 7 has no solution: the result is finite for finite y and s. A
            number runs the paper's Algorithms 2 and 3 that often, and its 4 and 5 and closed forms, unguarded.
            `noise.guards.count` counts how often a guard acted.
        sigma_a : float
            Standard deviation of further Gaussian noise that s was learnt with (grey levels).

        Notes
        -----
        The network of Eq. 18 learns the score of y + sigma_a u, u standard normal. The paper neglects sigma_a; given
        it, sigma_a^2 is counted with the Gaussian variance of the model (a mixture from then on for Nos. 5-10).

        The result is not clamped to [0, 255].
        Raises TypeError and ValueError for tensors that are not float32 or float64, or of unlike shapes, and
        NotImplementedError for noise that is not additive where A has no inverse of use, and for a base without a score.
        """
        checks.refuse_other_types(y, s)
        checks.refuse_unlike(y, s)
        if iterations is None:
            y = guards.limited("noisy value beyond limit", y, y.clamp(-LIMIT, LIMIT))
            s = guards.limited("score beyond limit", s, s.clamp(-LIMIT, LIMIT))
        if isinstance(self.base, Additive):
            return self.base.solve(y, s, iterations, sigma_a)
        checks.refuse_no_inverse(self._invertible, self.slug)
        variance = self.gaussian**2 + sigma_a**2
        z = y + variance * s if variance else y
        if self.convolution is not None:
            z, s = self.convolution.inverse(z), self.convolution.adjoint(s)
        return self.base.solve(z, s) if iterations is None else self.base.solve_paper(z, s, iterations)

    def decorrelated(self) -> Decorrelated | None:
        """This model seen through A^-1, where that is noise independent between pixels on one image; else None.

        Exact for A N(x) with nothing added (Nos. 6, 8, 10) and for A n (Nos. 2 and 4, on A^-1 x). In Nos. 12, 14 and 16
        A^-1 correlates the added noise. None, too, where A has no inverse of use.

        Notes
        -----
        No. 4 becomes x' + std(A x') n, which is no row of Table 1, as the standard deviation depends on the blurred image.
        """
        base = self.base
        if self.convolution is None or self.gaussian or not self._invertible or not base.independent:
            return None
        if isinstance(base, Gaussian) and base.slope:
            sharpened = SharpenedGaussian(base.intercept, base.slope, blur=self.convolution)
            return Decorrelated(replace(self, base=sharpened, convolution=None), False, self.convolution)
        if isinstance(base, Additive):
            base = base.convolved(None)
        slug = without_convolution(self.slug)
        inner = replace(
            self,
            number=number_of(slug),
            slug=slug,
            title=re.sub(r", convolved( by [^ ]+)?", "", self.title),
            base=base,
            convolution=None,
        )
        return Decorrelated(inner, not base.additive, self.convolution)

    def unbiased(self, y: torch.Tensor) -> torch.Tensor:
        """The linear estimate of x: A^-1 y / g for g of `mean_gain` (Nos. 5-16), y itself (Nos. 1-4).

        Without bias where E[N(x)] is `proportional` to x.
        """
        if self.base.additive:
            return y
        return (y if self.convolution is None else self.convolution.inverse(y)) / self.mean_gain

    def noise(self, x: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """A draw of y - x around the image x, where the noise is additive (grey levels)."""
        assert isinstance(self.base, Additive)
        noise = self.base.noise(x, generator)
        return noise + self.gaussian * normal(x, generator) if self.gaussian else noise

    def stein_noise(self, x: torch.Tensor, y: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Noise b for Stein's lemma at y: E[n_i f_j(y)] = E[b_i (df_j / dy) b], n = y - E[y | x], f smooth (grey levels).

        b is Gaussian given x and y, and over y it has the covariance of n; x is limited to >= 0. Exact for Nos. 1-6, 9, 10; for
        Poisson noise see `Poisson.stein_kernel`. Under added Gaussian noise the kernel is taken at the linear estimate of N(x).

        References
        ----------
        Stein, "Approximate Computation of Expectations", IMS 1986, Lecture VI (the kernels).
        """
        if self.base.additive:
            return self.noise(x, generator)
        x = x.clamp(min=0)
        noise = self.base.stein_kernel(x, self._before(x, y)).sqrt() * normal(x, generator)
        if self.convolution is not None:
            noise = self.convolution.apply(noise)
        return noise + self.gaussian * normal(x, generator) if self.gaussian else noise

    def _before(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """N(x), estimated linearly from x and y = A N(x) + gaussian n."""
        if not self.gaussian:
            return y if self.convolution is None else self.convolution.inverse(y)
        mean, variance, added = self.base.mean(x), self.base.variance(x), self.gaussian**2
        if self.convolution is None:
            return mean + variance / (variance + added) * (y - mean)
        return mean + self.convolution.wiener(y - self.convolution.apply(mean), variance.mean((-2, -1), keepdim=True), added)

    @property
    def mean_gain(self) -> float:
        """g of E[y | x] = g A x (Nos. 5-16) or g x (Nos. 1-4): 1 where N is unbiased."""
        return self.base.mean_gain

    def mean(self, x: torch.Tensor) -> torch.Tensor:
        """E[y | x] where the clean image is x and varies little (grey levels, shape of x)."""
        return self.base.mean(x)

    def std(self, x: torch.Tensor) -> torch.Tensor:
        """Standard deviation of the pixels of y where the clean image is x and varies little (grey levels, shape of x)."""
        gain = self.base.noise_gain(self.convolution.kernel) if self.convolution is not None else 1.0
        return torch.sqrt(self.base.variance(x) * gain**2 + self.gaussian**2)
