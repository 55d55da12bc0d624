"""The harness: networks, data, training, evaluation, execution, and the results on disk."""

from bench.packages import claim

claim()

__all__ = ["evaluate"]


def __getattr__(name: str) -> object:
    """`evaluate` is imported when it is asked for: commands and workers need none of it."""
    if name == "evaluate":
        from bench.commands.evaluate import evaluate

        return evaluate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
