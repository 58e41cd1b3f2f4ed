"""Kernels, networks and numbers as words on the command line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from ..polynomials.kernel import Kernel

KERNELS = """\
kernels:
  3              3 equal taps            3x3, 3x5x3     equal taps on two or three axes
  1,2,1          weights                 1,2,1;2,4,2    rows of weights on two axes
  1/3,0.5,-2     fractions and decimals; without a decimal point a number is exact"""

NETWORKS = """\
networks, in one word or in quotes:
  resnet50                       a name, see erfmath zoo
  net.json                       a file that erfmath.network_to_json has written
  model.onnx                     an ONNX model (needs the package onnx)
  package.module:factory         a PyTorch module, or a function that returns one (needs torch)
  "conv7x7s2p3 relu max2"        layers: s stride, d dilation, p padding, c channels, g groups
  "conv3same*4 conv2causal"      padding by name; four copies in series
  "res(conv3p1) (id | conv3p1)"  a skip connection; branches that are added
  "avg2 up2 lin2 deconv4s2p1"    pooling, upsampling (nearest, linear), transposed convolution
  a single number in a size holds for all axes; the longest size, or a named network, says how many"""


def parse_kernel(text: str) -> Kernel:
    """Return the kernel that a word stands for.

    >>> parse_kernel("3x5").shape
    (3, 5)
    >>> parse_kernel("1/2,1")
    Kernel([Fraction(1, 2), 1])
    """
    text = text.strip()
    if re.fullmatch(r"\d+(x\d+)*", text):
        return Kernel.uniform(tuple(int(side) for side in text.split("x")))
    rows = [[_parse_number(word, text) for word in row.split(",")] for row in text.split(";")]
    return Kernel(rows if len(rows) > 1 else rows[0])


def parse_sides(text: str | None, name: str) -> Any:
    """Return the int, or the ints per axis, in a text such as 224, 224x160 or 3,5; None for None.

    >>> parse_sides("224", "--input-size"), parse_sides("3,-5", "--at")
    (224, (3, -5))
    """
    if text is None:
        return None
    words = re.split("[x,]", text.strip())
    if not all(re.fullmatch(r"-?[0-9]{1,15}", word) for word in words):
        raise ValueError(f"{name} must be a whole number, or one per axis, such as 224 or 3,5, got {text!r}")
    numbers = tuple(map(int, words))
    return numbers if len(numbers) > 1 else numbers[0]


def parse_shape(text: str | None, name: str) -> tuple[int | None, ...] | None:
    """Return the sides in a text such as 1,3,224,224 or 1x3x?x?, None for those that are open.

    >>> parse_shape("1,3,?,?", "--input-shape")
    (1, 3, None, None)
    """
    if text is None:
        return None
    words = re.split("[x,]", text.strip())
    if not all(re.fullmatch(r"[0-9]{1,15}|\?", word) for word in words):
        raise ValueError(f"{name} must be whole numbers, or ? for open sides, such as 1,3,?,?, got {text!r}")
    return tuple(None if word == "?" else int(word) for word in words)


def parse_pairs(texts: Sequence[str] | None, name: str) -> dict[str, str] | None:
    """Return names and what they stand for in texts such as sr=16000; None for None.

    >>> parse_pairs(["sr=16000", "a=b=c"], "--value")
    {'sr': '16000', 'a=b': 'c'}
    """
    if texts is None:
        return None
    for text in texts:
        if not re.fullmatch(r".+=.+", text):
            raise ValueError(f"{name} must be a name and what it stands for, such as a=1, got {text!r}")
    return {key: value for key, _, value in (text.rpartition("=") for text in texts)}


def parse_number(text: str, name: str) -> int | float:
    """Return a number, a whole one without a decimal point.

    >>> parse_number("16000", "--value"), parse_number("0.5", "--value")
    (16000, 0.5)
    """
    try:
        return int(text) if re.fullmatch(r" *-?[0-9]{1,18} *", text) else float(text)
    except ValueError:
        raise ValueError(f"{name} must be a number, got {text!r}") from None


def parse_count(text: str, name: str) -> int:
    """Return a number of layers or factors from a text such as 40 or 1e6.

    >>> parse_count("1e6", "depth")
    1000000
    """
    text = text.strip()
    number = Fraction(text) if re.fullmatch(r"-?\d{1,30}([eE]\d{1,2})?", text) else None
    if number is None or number < 0:
        raise ValueError(f"{name} must be a whole number from 0 on, such as 40 or 1e6, got {text!r}")
    return number.numerator


def parse_rate(text: str | None, name: str) -> float | None:
    """Return samples per second from a text such as 16000, 16k, 44.1kHz or 1M; None for None.

    >>> parse_rate("16k", "--rate"), parse_rate("44.1 kHz", "--rate"), parse_rate("75", "--rate")
    (16000, 44100, 75)
    """
    if text is None:
        return None
    found = re.fullmatch(r" *([0-9]*\.?[0-9]+|[0-9]+\.) *([kM]?)(Hz)? *", text)
    if found is None or len(found[1]) > 30 or not Fraction(found[1]):
        raise ValueError(f"{name} must be samples per second above 0, such as 16000 or 44.1k, got {text!r}")
    rate = Fraction(found[1]) * {"": 1, "k": 1000, "M": 10**6}[found[2]]
    return rate.numerator if rate.denominator == 1 else float(rate)


def _parse_number(word: str, text: str) -> Any:
    try:
        return float(word) if re.search(r"[.eEnN]", word) else Fraction(word.strip())
    except (ValueError, ZeroDivisionError):
        found = repr(word.strip()) if word.strip() else "nothing"
        raise ValueError(f"the kernel {text!r} has {found} where a number should be") from None
