"""Lists and counts in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reports.read.model import Noise


def listed(parts: Sequence[str]) -> str:
    """a; a and b; a, b and c."""
    return "".join(parts) if len(parts) < 2 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def counted(number: int, noun: str) -> str:
    """1 cell, 2 cells."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def spelled(number: int) -> str:
    """one, two, ... nine; larger numbers, and 0, as figures."""
    words = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    return words[number - 1] if 1 <= number <= len(words) else str(number)


def ranges(numbers: Iterable[int]) -> list[str]:
    """1, 3, 5–8 as parts, sorted; two in a row are named one by one."""
    spans: list[list[int]] = []
    for number in sorted(set(numbers)):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return [
        part for first, last in spans for part in ([f"{first}–{last}"] if last > first + 1 else map(str, sorted({first, last})))
    ]


def numbered(noises: Iterable[Noise]) -> str:
    """No. 3; Nos. 1, 2 and 5–8; Nos. 1 and 2; Gaussian, sigma 50."""
    found = list(noises)
    numbers = {noise.number for noise in found if noise.number}
    others = list(dict.fromkeys(noise.title for noise in found if not noise.number))
    told = [f"No{'s' if len(numbers) > 1 else ''}. {listed(ranges(numbers))}"] if numbers else []
    return "; ".join([*told, *others])


def numbers_and_names(values: Iterable[int | str]) -> list[str]:
    """1, 3, 5–8, and the names among them, as parts."""
    found = list(values)
    return [*ranges(value for value in found if isinstance(value, int)), *(str(v) for v in found if isinstance(v, str))]
