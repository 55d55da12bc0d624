"""The harness: networks, data, training, evaluation, execution, and the results on disk."""

from bench.packages import claim

claim()
