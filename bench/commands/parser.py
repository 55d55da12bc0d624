"""How the command line is read: strictly, and wrong words told in one line."""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import re
from typing import Any, NoReturn

from bench.commands.arguments import path_of
from bench.errors import UsageError
from noise.names import nearest


class Parser(argparse.ArgumentParser):
    """Bad usage is one line, and no option is guessed from its beginning."""

    def __init__(self, **told: Any) -> None:
        super().__init__(**{"allow_abbrev": False, **told})

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """First of all, what looks like an option must be one: else argparse might complain of what lacks without it."""
        given: list[str] = []
        before = ""
        for word in args or ():
            option = word.partition("=")[0]
            if word == "--" or (self._subparsers is not None and not word.startswith("-")):
                break  # what follows is no option, or the command's own
            number = re.fullmatch(r"-\d+|-\d*\.\d+", word)
            if word.startswith("-") and word != "-" and " " not in option and not number:
                self._refuse_unknown(option, before)
                self._refuse_again(option, given)
            before = word
        return super().parse_known_args(args, namespace)

    def _takes_one(self, option: str) -> bool:
        """Whether it is an option with one value."""
        return isinstance(self._option_string_actions.get(option), argparse._StoreAction)

    def _refuse_unknown(self, option: str, before: str) -> None:
        known = list(self._option_string_actions)
        if option not in known:
            if re.match(r"-[\d.]", option) and self._takes_one(before):
                self.error(f"{before}: expected a value, for which {option} is an option; {before}={option} gives it")
            begun = sorted((name for name in known if name.startswith(option)), key=len)
            meant = f" (nearest: {begun[0]})" if begun else nearest(option, known)
            self.error(f"there is no option {option}{meant}")

    def _refuse_again(self, option: str, given: list[str]) -> None:
        """One of two values would be lost."""
        if self._takes_one(option):
            if option in given:
                self.error(f"{option} is given twice: expected one value")
            given.append(option)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (see {self.prog} --help)")


class Version(argparse.Action):
    """Print the versions, and stop."""

    def __call__(self, parser: argparse.ArgumentParser, *told: Any) -> NoReturn:
        print(f"denoisebench {_version('denoisebench')}\nPython {platform.python_version()}\ntorch {_version('torch')}")
        parser.exit()


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "(not installed: run from its sources, which carry no version)"


def add_files(parser: argparse.ArgumentParser) -> None:
    """What commands ask alike that take methods, and noise, from files."""
    told = "a method from a file: a subclass of Method, or denoise(image) or denoise(image, model); may be repeated"
    parser.add_argument("--method-file", action="append", default=[], type=path_of, metavar="FILE", help=told)
    told = "a base of noise from a file; may be repeated"
    parser.add_argument("--noise-file", action="append", default=[], type=path_of, metavar="FILE", help=told)


def add_images(parser: argparse.ArgumentParser) -> None:
    """What is asked of how images are read."""
    told = "grey images of one channel, or rgb (default: auto, grey where all test images are)"
    parser.add_argument("--colour", default="auto", metavar="auto|grey|rgb", help=told)
    told = "value that becomes 255 grey levels, in images of more than 8 bits (default: auto, by the largest value)"
    parser.add_argument("--white", default="auto", metavar="auto|4095|1.0", help=told)
