"""The noise models of Xie et al. (NeurIPS 2023), Table 1: how to sample them, their scores, and how to solve Eq. 7.

A package of denoisebench; another one on PyPI has its name.

>>> import noise
>>> model = noise.get("poisson-conv+gaussian", lam=0.22)
>>> model.number, model.parameters
(14, {'lam': 0.22, 'sigma': 10.0})
>>> noise.get("poisson(lam=0.05) + gaussian(sigma=10.0)").slug
'poisson(lam=0.05)+gaussian'
"""

from noise import guards
from noise._outside import Origin, origin, with_files
from noise.base import Base, Parameter
from noise.catalogue import bases, broken, catalogue, get, kernels_of, varied
from noise.convolution import Convolution
from noise.model import Decorrelated, NoiseModel
from noise.traits import Traits

__all__ = [
    "Base",
    "Convolution",
    "Decorrelated",
    "NoiseModel",
    "Origin",
    "Parameter",
    "Traits",
    "bases",
    "broken",
    "catalogue",
    "get",
    "guards",
    "kernels_of",
    "origin",
    "varied",
    "with_files",
]
