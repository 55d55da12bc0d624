"""The contract: every check that suits a method, in order, each with what was found."""

from __future__ import annotations

import inspect
import json
import pickle
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial

import noise
from bench.contract import denoising, knowledge, training
from bench.contract.samples import Case, denoised, make_batch, make_case, small_network, unseen
from bench.contract.whole import STEPS, elsewhere, tried
from bench.errors import fault_of, one_line
from methods import KNOWLEDGE, FunctionMethod, Method, answers, known, numbered
from noise import NoiseModel
from noise.faults import messages, text_of

#: Sides that are odd, and that no sub-sampling and no network of two levels divides (pixels).
ODD = ((33, 47), (17, 16))

#: Where the noise suits a method most, first.
_VERDICTS = ("yes", "indirect", "infeasible")


@dataclass(frozen=True)
class Finding:
    """What came of a check: a fault, or a note on what is no fault, or neither; `told` says what was seen."""

    check: str
    fault: str = ""
    note: str = ""
    told: str = ""


def contract(method: Method, whole: bool = True) -> Iterator[Finding]:
    """Every check of a method. `whole`: those as well that start a process and train by the quick preset."""
    yield Finding("registers", told=f"{method.slug}: {method.title}")
    yield checked("settings", partial(_settings, method), told=str(method).partition("(")[2].removesuffix(")"))
    found = checked("applicability", partial(_applicability, method))
    yield Finding(found.check, found.fault, told="" if found.fault else _where(method))
    models = [] if found.fault else _suited(method)
    if not models:
        if not found.fault:
            reason = answers(method, noise.get(1))[0].reason
            yield Finding("simplest noise", f"it can be run on no noise model here ({reason}): expected one at least")
        return
    yield from on_noise(method, models)
    if whole:
        yield from through_the_harness(method, models[0])


def unusable(method: Method) -> str:
    """What is wrong with a small image denoised, and with a step of training, on the noise that suits the method most."""
    models = _suited(method)
    if not models:
        return ""
    simplest = models[0]
    found = checked("result", lambda: denoising.result(make_case(method, simplest)))
    if method.trains and not found.fault:
        found = checked("gradient", lambda: training.gradient(method, simplest))
    return found.fault


def on_noise(method: Method, models: list[NoiseModel]) -> Iterator[Finding]:
    """The checks on small images: results on every one of the noise models, all else on the first."""
    simplest = models[0]
    fault = ""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for model in models:
            found = checked("results", lambda model=model: denoising.result(make_case(method, model)))  # type: ignore[misc]
            fault = fault or (found.fault and f"{model.slug}: {found.fault}")
    yield Finding("results", fault, told=f"the image's shape, float32, finite on {len(models)} noise models")
    if warned := messages(caught):
        yield Finding("warnings", note="; ".join(warned))
    if fault:
        return
    case = partial(make_case, method, simplest)
    sides = " and ".join("x".join(map(str, size)) for size in ODD)
    yield checked("odd sizes", lambda: _first(_odd(case, size) for size in ODD), told=sides)
    yield _one_channel(method, simplest)
    if method.slug != "noisy":  # whose result is the input by definition
        yield checked("another image", lambda: denoising.other_than_input(case()), told="not its input")
    yield checked("input kept", lambda: denoising.input_kept(case()), told="noisy image and network are as before")
    plain = isinstance(method, FunctionMethod)
    found = checked("global state", lambda: denoising.globals_as_before(case(), seeded=not plain), told="as before")
    if plain and not found.fault and denoising.globals_as_before(case()):
        found = Finding(found.check, note="it draws from a global generator, which the suite seeds for each image")
    yield found
    other = case(size=(20, 36), seed=4)
    yield checked("after other images", lambda: denoising.same_again(case(), case(seed=5), other), told="the same result")
    yield checked("nothing kept", lambda: denoising.nothing_kept(case()), told="no image outlives its call")
    given = ", ".join(KNOWLEDGE[word] for word in known(method)) or "nothing but noisy images"
    yield checked("knowledge", lambda: knowledge.undeclared_law(method, simplest), told=f"told {given}")
    if not method.one_image and denoising.trains_here(case()):
        yield Finding("learns", note="denoise takes gradients: one that trains on each image says one_image = True")
    if method.trains:
        learning = list(of_learning(method, simplest))
        yield from learning
        if not any(found.fault for found in learning):
            yield _passes(method, simplest, case())


def of_learning(method: Method, model: NoiseModel) -> Iterator[Finding]:
    """The checks of a loss; where it is none, or asks for too much, that alone is told."""
    declared = [word for word, there in (("clean images", method.supervised), ("a second draw", method.pairs)) if there]
    told = f"asks for {' and '.join(declared)}" if declared else "asks for no clean image, and no second draw"
    for name, check, seen in (
        ("declared", training.undeclared, told),
        ("gradient", training.gradient, "finite, and reaches the network"),
    ):
        found = checked(name, partial(check, method, model), told=seen)
        yield found
        if found.fault:
            return
    yield checked("repeatable loss", lambda: training.repeatable(method, model), told="a function of batch and generator")
    told = "the loss depends on no setting that learns() leaves out"
    yield checked("shared networks", lambda: training.left_out(method, model), told=told)
    words = [""]

    def fall() -> str:
        fault, words[0] = training.falls(method, model)
        return fault

    found = checked("loss falls", fall)
    yield Finding(found.check, found.fault, told=words[0])


def through_the_harness(method: Method, model: NoiseModel) -> Iterator[Finding]:
    """The checks that start a process, and train."""
    ask = elsewhere(method, model)
    worker = checked("another worker", lambda: denoising.same_elsewhere(unseen(method, model), ask), told="the same result")
    yield worker
    if method.slug == "noisy":
        return
    outcome = tried(method, model)
    told = f"{outcome.psnr:.2f} dB, the input {outcome.noisy:.2f} dB, on {model.slug} by the quick preset"
    better = outcome.psnr > outcome.noisy
    if outcome.fault:
        yield Finding("beats the input", f"{model.slug}: {outcome.fault}: expected a result")
    elif not better and outcome.reduced:
        yield Finding("beats the input", note=f"{told}, after {STEPS} steps an image, fewer than it asks for")
    else:
        yield Finding("beats the input", "" if better else f"{told}: expected more than the input", told=told)
    if not outcome.fault:
        yield Finding("cost", told=outcome.words)


def _settings(method: Method) -> str:
    """They can be stored and sent, and the class is a frozen dataclass with a docstring."""
    try:
        again = pickle.loads(pickle.dumps(method))
    except Exception as error:
        told = one_line(text_of(error))
        return f"its settings cannot be pickled ({told}): expected numbers, text, and frozen dataclasses of them"
    if again != method or again.slug != method.slug:
        return f"pickled and read again it is {again}: expected {method}"
    json.dumps(asdict(method))
    kind = type(method)
    if not kind.__dict__.get("__doc__") or str(kind.__doc__).startswith(f"{kind.__name__}("):
        return "its class has no docstring: expected what it does, and its settings with their units"
    return ""


def _applicability(method: Method) -> str:
    """A verdict for every noise model, with a reason, and always the same."""
    for model in noise.catalogue():
        answer, _ = answers(method, model)
        if answers(method, noise.get(model.slug))[0] != answer:
            return f"asked twice about {model.slug}, it gave two answers: expected one"
        if answer.verdict == "indirect" and not method.wants_decorrelated(model):
            return f'"indirect" on {model.slug}, but it does not ask for A^-1 y: expected wants_decorrelated there'
    return knowledge.by_traits(method)


def _where(method: Method) -> str:
    """The numbers of the noise models by verdict and reason."""
    found: dict[tuple[str, str], list[int]] = {}
    for model in noise.catalogue():
        answer, _ = answers(method, model)
        found.setdefault((answer.verdict, answer.reason), []).append(model.number)
    return "; ".join(f"{verdict} on {numbered(numbers)}: {reason}" for (verdict, reason), numbers in found.items())


def _suited(method: Method) -> list[NoiseModel]:
    """The noise models that a method can be run on, the one that suits it most first, by number among equals."""
    verdicts = {model: answers(method, model)[0].verdict for model in noise.catalogue()}
    there = [model for model in verdicts if verdicts[model] != "no"]
    return sorted(there, key=lambda model: (_VERDICTS.index(verdicts[model]), model.number))


def _odd(case: Callable[..., Case], size: tuple[int, int]) -> str:
    return denoising.result(case(size=size)) or denoising.edges(case(size=size), case())


def _one_channel(method: Method, model: NoiseModel) -> Finding:
    """Images of one channel, which runs on grey images have: a method may be for colour alone, so a failure is no fault."""
    try:
        fault = denoising.result(make_case(method, model, channels=1))
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        fault = fault_of(error)
    return Finding(
        "one channel", note=f"{fault} (on grey images a run of it fails)" if fault else "", told="" if fault else "works"
    )


def _passes(method: Method, model: NoiseModel, case: Case) -> Finding:
    """What goes through the network is what is counted, at test and in training."""
    counts = [0.0, 0.0]

    def count() -> str:
        fault, counts[0] = denoising.passes_counted(case.network, lambda: denoised(case), case.y)
        if fault:
            return f"denoise makes {fault}"
        network, batch = small_network(method), make_batch(method, model)
        work = partial(method.loss, network, batch)
        fault, counts[1] = denoising.passes_counted(network, work, make_batch(method, model).noisy)
        return fault and f"loss makes {fault}"

    found = checked("passes", count)
    told = f"{counts[0]:.3g} at test, {counts[1]:.3g} in a step"
    return Finding(found.check, found.fault, told=told)


def checked(name: str, check: Callable[[], str], told: str = "") -> Finding:
    """A check's finding; whatever it raises is a fault of the method."""
    try:
        fault = check()
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        fault = f"{fault_of(error)}{_place(error)}: expected {_instead(error)}"
    return Finding(name, fault, told=told)


def _instead(error: BaseException) -> str:
    """What would have been right, as far as the error tells it."""
    if isinstance(error, RuntimeError) and "does not require grad" in str(error):
        return "gradients to be allowed where denoise trains: with torch.enable_grad()"
    return "no error"


def _place(error: BaseException) -> str:
    """The last line outside of libraries and of `bench`, and of the rest of the suite where there is one, in words."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _of(frame.filename, *_HARNESS)]
    own = [frame for frame in frames if not _of(frame.filename, *_SHARED)] or frames
    return f" ({own[-1].filename.rpartition('/')[2]}, line {own[-1].lineno})" if own else ""


_SUITE = str(inspect.getfile(denoising)).rpartition("/bench/contract/")[0]
_HARNESS = ("site-packages", f"{_SUITE}/bench/")
_SHARED = (f"{_SUITE}/methods/_", f"{_SUITE}/noise/")


def _of(file: str, *places: str) -> bool:
    return any(place in file for place in places)


def _first(faults: Iterator[str]) -> str:
    return next((fault for fault in faults if fault), "")
