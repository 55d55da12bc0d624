"""A noise model: a base, the convolution A and added Gaussian noise, composed.

Nos. 1-4:   y = x + A (std(x) n)          base `Gaussian`, which holds A itself
Nos. 5-16:  y = A N(x) + gaussian n       base N: `Gamma`, `Poisson` or `Rayleigh`
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch

from noise import checks, guards
from noise.convolution import Convolution
from noise.gamma import Gamma
from noise.gaussian import Gaussian, SharpenedGaussian, normal
from noise.poisson import Poisson
from noise.rayleigh import Rayleigh

#: Limits of y (grey levels) and s (per grey level) in the guarded solve: far beyond any image or score.
LIMIT = 1e6


@dataclass(frozen=True)
class Traits:
    """What a method may ask of a noise model; applicability is derived from these alone.

    Parameters
    ----------
    additive : bool
        y - x has mean 0 and a known Gaussian law given x.
    signal_dependent : bool
        The law of the noise depends on x (for additive noise: its standard deviation).
    independent : bool
        Given x, the pixels of y are independent.
    unbiased : bool
        E[y | x] = x.
    base_unbiased : bool
        E[N(x)] = x for the noise before A.
    exponential_family : bool
        p(y | x), or that of A^-1 y, has the form of the paper's Eq. 1.
    convolved : bool
        A is there.
    gaussian : float
        Standard deviation of the Gaussian noise added to A N(x) (grey levels; 0 for Nos. 1-10 without `extra_sigma`).
    """

    additive: bool
    signal_dependent: bool
    independent: bool
    unbiased: bool
    base_unbiased: bool
    exponential_family: bool
    convolved: bool
    gaussian: float


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
        Row of Table 1, 1 to 16.
    slug, title : str
        Its name for programs and for readers.
    base : Gaussian, Gamma, Poisson or Rayleigh
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
    base: Gaussian | Gamma | Poisson | Rayleigh
    convolution: Convolution | None = None
    gaussian: float = 0.0
    parameters: dict[str, float] = field(default_factory=dict, hash=False)

    @property
    def law(self) -> str:
        """Everything that determines p(y | x), in words that are equal for equal laws (hashed into training keys)."""
        return f"{self.base} {self.convolution} gaussian={self.gaussian}"

    @property
    def formula(self) -> str:
        """The model as in Table 1, for readers: "y = A(η ⊙ x) + ε, η ~ Gamma(α, α), ε ~ N(0, σ²)"."""
        clean, law = self.base.formula
        if isinstance(self.base, Gaussian):
            return f"y = {clean}, {law}"
        noisy = f"A({clean})" if self.convolution is not None else clean
        if not self.gaussian:
            return f"y = {noisy}, {law}"
        return f"y = {noisy} + ε, {law}, ε ~ N(0, {'σ' if 'sigma' in self.parameters else 'extra_sigma'}²)"

    @property
    def traits(self) -> Traits:
        """What methods may know of this model; see `Traits`."""
        convolved = self.convolution is not None
        additive = isinstance(self.base, Gaussian)
        return Traits(
            additive=additive,
            signal_dependent=not additive or not self.base.exponential_family,
            independent=not convolved,
            unbiased=self.mean_gain == 1 and (additive or not convolved),
            base_unbiased=self.mean_gain == 1,
            exponential_family=self.base.exponential_family and self.gaussian == 0,
            convolved=convolved,
            gaussian=self.gaussian,
        )

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
        if not isinstance(self.base, Gaussian):
            checks.refuse_negative(x, self.slug)
        y = self.base.sample(x, generator)
        if isinstance(self.base, Gaussian):
            return y
        if self.convolution is not None:
            y = self.convolution.apply(y)
        if self.gaussian:
            y = y + self.gaussian * normal(x, generator)
        return y

    def score(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """f(x, y), the gradient of log p(y | x) by y, for x > 0 (per grey level, the shape of y).

        Raises
        ------
        NotImplementedError
            With Gaussian noise added to a multiplicative one (Nos. 11-16) there is no closed form.
        """
        if self.gaussian:
            raise NotImplementedError(f"{self.slug}: the score of a mixture has no closed form (the paper, Sec. 3.2.3)")
        if isinstance(self.base, Gaussian) or self.convolution is None:
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
        Raises TypeError and ValueError for tensors that are not float32 or float64, or of unlike shapes.
        """
        checks.refuse_other_types(y, s)
        checks.refuse_unlike(y, s)
        if iterations is None:
            y = guards.limited("noisy value beyond limit", y, y.clamp(-LIMIT, LIMIT))
            s = guards.limited("score beyond limit", s, s.clamp(-LIMIT, LIMIT))
        if isinstance(self.base, Gaussian):
            return self.base.solve(y, s, iterations, sigma_a)
        variance = self.gaussian**2 + sigma_a**2
        z = y + variance * s if variance else y
        if self.convolution is not None:
            z, s = self.convolution.inverse(z), self.convolution.adjoint(s)
        return self.base.solve(z, s) if iterations is None else self.base.solve_paper(z, s, iterations)

    def decorrelated(self) -> Decorrelated | None:
        """This model seen through A^-1, where that is noise independent between pixels on one image; else None.

        Exact for A N(x) with nothing added (Nos. 6, 8, 10) and for A n (Nos. 2 and 4, on A^-1 x). In Nos. 12, 14 and 16
        A^-1 correlates the added noise.

        Notes
        -----
        No. 4 becomes x' + std(A x') n, which is no row of Table 1, as the standard deviation depends on the blurred image.
        """
        if self.convolution is None or self.gaussian:
            return None
        base = self.base
        if isinstance(base, Gaussian):
            if base.slope:
                sharpened = SharpenedGaussian(base.intercept, base.slope, blur=self.convolution)
                return Decorrelated(replace(self, base=sharpened, convolution=None), False, self.convolution)
            base = replace(base, convolution=None)
        # In Table 1 each model with A follows the one without.
        inner = replace(
            self,
            number=self.number - 1,
            slug=self.slug.replace("-conv", ""),
            title=self.title.replace(", convolved", ""),
            base=base,
            convolution=None,
        )
        return Decorrelated(inner, not isinstance(base, Gaussian), self.convolution)

    def unbiased(self, y: torch.Tensor) -> torch.Tensor:
        """The linear estimate of x without bias: A^-1 y / g for g of `mean_gain` (Nos. 5-16), y itself (Nos. 1-4)."""
        if isinstance(self.base, Gaussian):
            return y
        return (y if self.convolution is None else self.convolution.inverse(y)) / self.mean_gain

    def stein_noise(self, x: torch.Tensor, y: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        """Noise b for Stein's lemma at y: E[n_i f_j(y)] = E[b_i (df_j / dy) b], n = y - E[y | x], f smooth (grey levels).

        b is Gaussian given x and y, and over y it has the covariance of n; x is limited to >= 0. Exact for Nos. 1-6, 9, 10; for
        Poisson noise see `Poisson.stein_kernel`. Under added Gaussian noise the kernel is taken at the linear estimate of N(x).

        References
        ----------
        Stein, "Approximate Computation of Expectations", IMS 1986, Lecture VI (the kernels).
        """
        if isinstance(self.base, Gaussian):
            return self.base.noise(x, generator)
        x = x.clamp(min=0)
        noise = self.base.stein_kernel(x, self._before(x, y)).sqrt() * normal(x, generator)
        if self.convolution is not None:
            noise = self.convolution.apply(noise)
        return noise + self.gaussian * normal(x, generator) if self.gaussian else noise

    def _before(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        """N(x), estimated linearly from x and y = A N(x) + gaussian n."""
        if not self.gaussian:
            return y if self.convolution is None else self.convolution.inverse(y)
        mean, variance, added = self.mean_gain * x, self.base.variance(x), self.gaussian**2
        if self.convolution is None:
            return mean + variance / (variance + added) * (y - mean)
        return mean + self.convolution.wiener(y - self.convolution.apply(mean), variance.mean((-2, -1), keepdim=True), added)

    @property
    def mean_gain(self) -> float:
        """g of E[y | x] = g A x (Nos. 5-16) or g x (Nos. 1-4): 1 where N is unbiased."""
        return self.base.mean_gain

    def std(self, x: torch.Tensor) -> torch.Tensor:
        """Standard deviation of the pixels of y where the clean image is x and varies little (grey levels, shape of x)."""
        gain = self.convolution.noise_gain() if self.convolution is not None else 1.0
        return torch.sqrt(self.base.variance(x) * gain**2 + self.gaussian**2)
