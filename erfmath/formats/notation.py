"""Networks as text: a short notation for people.

The notation, from left to right in the order of the data:

======================  =====================================================================
conv3s2p1  conv3x5d2    a convolution; s stride, d dilation, p padding, c channels, g groups
conv3same  conv2causal  padding by a word
max3s2p1  avg2          pooling, its stride the size unless given
deconv4s2p1             a transposed convolution; o output padding
up2  lin2               upsampling, nearest or linear
relu  drop0.5  gap  id  an activation, dropout, global pooling, nothing
conv3*4  (conv3 max2)*3  copies in series
(conv3p1 | 0.5: id)     branches, added; a number before one is its gain
res(conv3p1 relu)       a skip connection around a branch; res0.1(...) with a gain
cat(conv1c8 | 4: max3s1)  branches, concatenated; the last layer names its channels, or a number before
resnet50                a network of ``erfmath.zoo``
======================  =====================================================================

A single number stands for all axes, of which there are as many as the longest size or a network of the zoo
has: ``conv7x7s2p3 max3s2p1`` pools 3 x 3. Options differ per axis as sizes do: ``conv3x5p1x2``.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from .._checks import as_count
from ..network.activations import ACTIVATIONS
from ..network.algebra import Identity, Node, Power, Series, Sum, power, series
from ..network.branches import Concat, Residual
from ..network.layers import Activation, Conv, ConvTranspose, Dropout, GlobalPool, Pool, Upsample

# What a layer may be followed by, beside its size.
_OPTIONS = {"conv": "sdpcg", "deconv": "sdpocg", "max": "sdp", "avg": "sdp", "up": "", "lin": ""}
_NAMES = {
    "s": "stride",
    "d": "dilation",
    "p": "padding",
    "o": "output_padding",
    "c": "channels",
    "g": "groups",
}

_NUMBER = r"[0-9]{1,15}"
_SIZE = rf"{_NUMBER}(?:x{_NUMBER})*"
_LAYER = re.compile(rf"(deconv|conv|max|avg|up|lin)({_SIZE})(.*)", re.DOTALL)
_OPTION = re.compile(rf"([a-z])({_SIZE})|(same|causal)")
_TOKEN = re.compile(r"\s+|[()|,]|\*\s*[0-9]{1,400}|>>|-?[0-9]*\.?[0-9]+\s*:|[^\s()|,*>]+|.", re.DOTALL)

_LABEL = re.compile(r"-?[0-9]*\.?[0-9]+\s*:")

_DEEPEST = 60
_MOST_TAPS = 10**6


class _Token(NamedTuple):
    """A word or a sign of a text, and where it stands."""

    text: str
    at: int


def parse_network(text: str, ndim: int | None = None) -> Node:
    """Return the network that a text in the short notation describes.

    Parameters
    ----------
    text
        Layers in the order of the data, such as ``"conv7x7s2p3 relu max3s2p1 res(conv3p1)*2"``; see the
        module ``erfmath.formats.notation`` for all of it.
    ndim
        Number of axes that single numbers stand for; None for that of the longest size in the text, or of
        the networks that it names.

    Returns
    -------
    Node

    Raises
    ------
    ValueError
        If the text is not in the notation, or what it describes is no network: the message names the
        character and what was expected.

    Examples
    --------
    >>> from erfmath import parse_network
    >>> parse_network("conv7s2p3 max2 conv3p1*2")
    Series([Conv(7, stride=2, padding=3), Pool(2, mode='max'), Power(Conv(3, padding=1), 2)])
    >>> parse_network("res0.1(conv3x3same relu)")
    Residual(Series([Conv((3, 3), padding=1), Activation('relu')]), gain=0.1)
    >>> parse_network("conv3 comv5")
    Traceback (most recent call last):
        ...
    ValueError: 'conv3 comv5', character 7: no layer or network is called 'comv5'; did you mean 'conv5'?
    """
    if not isinstance(text, str):
        raise TypeError(f"text must be a string such as 'conv3s2p1 relu', got {text!r}")
    axes = None if ndim is None else as_count(ndim, "ndim", minimum=1, maximum=32)
    try:
        return _Parser(text, axes).parse()
    except _NotationError as error:
        raise ValueError(str(error)) from None


class _Parser:
    """Reads a network by recursive descent."""

    def __init__(self, text: str, ndim: int | None) -> None:
        self.text = text
        found = [_Token(m.group(), m.start()) for m in _TOKEN.finditer(text)]
        self.tokens = [token for token in found if token.text.strip() and token.text not in (",", ">>")]
        self.ndim = ndim or max(self._axes(), default=1)
        self.next = 0
        self.depth = 0

    def parse(self) -> Node:
        net = self._series(end=None)
        if self._here() is not None:
            raise self._error("there is no parenthesis to close")
        return net

    def _axes(self) -> Iterator[int]:
        """Yield the axes of each size, and of each network that is named."""
        for word in dict.fromkeys(token.text for token in self.tokens):
            if layer := _LAYER.fullmatch(word):
                yield layer[2].count("x") + 1
            elif (net := _named(word)) is not None:
                yield net.ndim or 1

    def _here(self) -> str | None:
        return self.tokens[self.next].text if self.next < len(self.tokens) else None

    def _shown(self) -> str:
        return repr(self._here()) if self._here() is not None else "the end"

    def _take(self) -> _Token:
        self.next += 1
        return self.tokens[self.next - 1]

    def _series(self, end: str | None) -> Node:
        """Read layers up to a sign that ends them."""
        parts: list[Node] = []
        begin = self.next
        while self._here() not in (None, "|", ")"):
            parts.append(self._repeated())
        if not parts:
            raise self._error(f"expected a layer such as conv3, got {self._shown()}")
        if self._here() == "|" and end is None:
            raise self._error("branches stand in parentheses: (conv3p1 | conv5p2)")
        return self._built(lambda: series(parts), begin)

    def _repeated(self) -> Node:
        """Read one element and how often it stands there."""
        begin = self.next
        node = self._element()
        while (here := self._here()) is not None and here.startswith("*"):
            if not here[1:].strip():
                raise self._error("expected a number of copies after *, as in conv3*4")
            self._take()
            node = self._built(functools.partial(power, node, int(here[1:])), begin)
        return node

    def _element(self) -> Node:
        """Read a group, a node with branches, or a layer."""
        begin, token = self.next, self.tokens[self.next]
        if token.text == "(":
            return self._built(self._sum, begin)
        follower = self.tokens[begin + 1].text if begin + 1 < len(self.tokens) else None
        if follower == "(" and token.text == "cat":
            self._take()
            return self._built(self._concatenated, begin)
        if follower == "(" and (residual := re.fullmatch(r"res([0-9]*\.?[0-9]*)", token.text)):
            self._take()
            gain = float(residual[1]) if re.search("[0-9]", residual[1]) else 1
            return self._built(lambda: Residual(self._one_branch(), gain), begin)
        node = self._built(lambda: self._layer(token), begin)
        self._take()
        return node

    def _sum(self) -> Node:
        labelled = self._branches()
        gains = [1 if label is None else float(label) for _, label in labelled]
        branches = [branch for branch, _ in labelled]
        return Sum(branches, gains) if len(branches) > 1 or gains != [1] else branches[0]

    def _branches(self) -> list[tuple[Node, str | None]]:
        """Read what stands in parentheses, between bars, and the number before each branch, if any."""
        self.depth += 1
        if self.depth > _DEEPEST:
            raise self._error(f"parentheses are nested deeper than {_DEEPEST}")
        opened = self._take()
        branches: list[tuple[Node, str | None]] = []
        while not branches or self._here() == "|":
            if branches:
                self._take()
            label = self._take().text[:-1].strip() if _LABEL.fullmatch(self._here() or "") else None
            branches.append((self._series(end=")"), label))
        if self._here() is None:
            raise self._error("the parenthesis is not closed", opened.at)
        self._take()
        self.depth -= 1
        return branches

    def _one_branch(self) -> Node:
        begin, branches = self.next, self._branches()
        if len(branches) > 1 or branches[0][1] is not None:
            raise self._error(
                "res takes one branch; write several as res((conv3p1 | conv5p2))", self._at(begin)
            )
        return branches[0][0]

    def _concatenated(self) -> Node:
        begin, labelled = self.next, self._branches()
        channels = [channels_of(branch) if label is None else _whole(label) for branch, label in labelled]
        if None in channels:
            raise self._error(
                "cat needs the channels of each branch: end it with a convolution that names them, such as "
                "conv3p1c64, or write them before it, such as 64: id",
                self._at(begin),
            )
        return Concat([branch for branch, _ in labelled], [c for c in channels if c is not None])

    def _layer(self, token: _Token) -> Node:
        """Return the layer, or the network of the zoo, that a word names."""
        word = token.text
        if word in ACTIVATIONS:
            return Activation(word)
        if word in ("id", "gap"):
            return Identity() if word == "id" else GlobalPool()
        if drop := re.fullmatch(r"drop([0-9]*\.?[0-9]+)", word):
            return Dropout(float(drop[1]))
        if layer := _LAYER.fullmatch(word):
            return self._sized_layer(token, layer)
        if (net := _named(word)) is not None:
            return net
        raise self._unknown(word)

    def _sized_layer(self, token: _Token, layer: re.Match[str]) -> Node:
        """Return a layer with a size and options."""
        kind, size, rest = layer.groups()
        sides = self._numbers(size, token.at + layer.start(2))
        if math.prod(sides) > _MOST_TAPS:
            raise self._error(f"a layer may have at most {_MOST_TAPS:,} taps", token.at + layer.start(2))
        options = self._options(kind, rest, token.at + layer.start(3))
        size_argument = sides if len(sides) > 1 else sides[0]
        match kind:
            case "conv":
                return Conv(size_argument, **options)
            case "deconv":
                return ConvTranspose(size_argument, **options)
            case "max" | "avg":
                return Pool(size_argument, mode="max" if kind == "max" else "average", **options)
        return Upsample(size_argument, mode="nearest" if kind == "up" else "linear")

    def _options(self, kind: str, rest: str, at: int) -> dict[str, Any]:
        """Return the options of a layer by their names."""
        options: dict[str, Any] = {}
        place = 0
        while place < len(rest):
            option = _OPTION.match(rest, place)
            letter = option[1] or "p" if option else ""
            if option is None or letter not in _OPTIONS[kind] or (option[3] and kind == "deconv"):
                raise self._error(self._expected(kind, rest[place:]), at + place)
            if _NAMES[letter] in options:
                raise self._error(f"{_NAMES[letter]} is given twice", at + place)
            if option[3]:
                options["padding"] = option[3]
            elif letter in "cg":
                options[_NAMES[letter]] = _single(option[2])
                if options[_NAMES[letter]] is None:
                    raise self._error(f"{_NAMES[letter]} must be a single number", at + place)
            else:
                numbers = self._numbers(option[2], at + place + 1)
                options[_NAMES[letter]] = numbers if len(numbers) > 1 else numbers[0]
            place = option.end()
        return options

    def _expected(self, kind: str, rest: str) -> str:
        known = [f"{letter} ({_NAMES[letter]})" for letter in _OPTIONS[kind]]
        words = ", same or causal" if kind in ("conv", "max", "avg") else ""
        what = f"one of {', '.join(known)}, each with its number{words}" if known else "nothing more"
        return f"expected {what} after {kind} and its size, got {rest[:20]!r}"

    def _numbers(self, size: str, at: int) -> tuple[int, ...]:
        """Return an int per axis; a single number stands for all of them."""
        numbers = tuple(map(int, size.split("x")))
        if len(numbers) == 1:
            return numbers * self.ndim
        if len(numbers) != self.ndim:
            raise self._error(f"{size} has {len(numbers)} numbers where other sizes have {self.ndim}", at)
        return numbers

    def _unknown(self, word: str) -> ValueError:
        """Return the error of a word that names nothing, with the nearest that does."""
        import difflib

        from .. import zoo

        plain = [*ACTIVATIONS, *zoo.names(), "gap", "id", "res(", "cat("]
        digits = re.search(r"[0-9].*", word)
        layers = [name + (digits[0] if digits else "3") for name in _OPTIONS]
        near = difflib.get_close_matches(word.lower(), [*plain, *layers], n=1, cutoff=0.6)
        hint = f"; did you mean {near[0]!r}?" if near else "; layers look like conv3s2p1, max2, relu"
        return self._error(f"no layer or network is called {word[:40]!r}{hint}")

    def _built(self, build: Callable[[], Node], begin: int) -> Node:
        """Return a node, its own complaint with the place where it begins."""
        try:
            return build()
        except _NotationError:
            raise
        except (ValueError, TypeError, OverflowError) as error:
            raise self._error(str(error), self._at(begin)) from None

    def _at(self, number: int) -> int:
        return self.tokens[number].at if number < len(self.tokens) else len(self.text)

    def _error(self, what: str, at: int | None = None) -> _NotationError:
        at = self._at(self.next) if at is None else at
        first = max(0, at - 30)
        part = self.text[first : first + 60]
        shown = "..." * (first > 0) + part + "..." * (first + 60 < len(self.text))
        return _NotationError(f"{shown!r}, character {at + 1}: {what}")


class _NotationError(ValueError):
    """An error that names its character already."""


@functools.lru_cache(maxsize=32)
def _named(word: str) -> Node | None:
    """Return the network of the zoo of that name, if there is one."""
    from .. import zoo

    return zoo.get(word) if word in zoo.names() else None


def _whole(label: str) -> int | None:
    return int(label) if re.fullmatch(_NUMBER, label) else None


def _single(size: str) -> int | None:
    return None if "x" in size else int(size)


def channels_of(node: Node) -> int | None:
    """Return the output channels of a branch where its layers say so."""
    while isinstance(node, (Series, Power, Residual)):
        if isinstance(node, Residual):
            node = node.branch
        elif isinstance(node, Power):
            node = node.node
        else:
            kept = [
                part for part in node.nodes if not isinstance(part, (Activation, Dropout, Pool, Upsample))
            ]
            if not kept:
                return None
            node = kept[-1]
    if isinstance(node, Concat):
        return sum(node.channels)
    if isinstance(node, Sum):
        return channels_of(node.branches[0])
    return node.channels if isinstance(node, (Conv, ConvTranspose)) else None
