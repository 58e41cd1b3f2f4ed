"""Checks of arguments: each names the argument, what was given, and what to do."""

from __future__ import annotations

import operator
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeGuard

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

MAX_POWER = 10**15


def is_index(value: object) -> TypeGuard[SupportsIndex]:
    """Whether `value` is an integer of any make, booleans left out."""
    array = getattr(value, "ndim", 0) > 0  # which has the method, and no integer to give
    return hasattr(value, "__index__") and not array and not isinstance(value, (bool, np.bool_))


def as_count(value: object, name: str, minimum: int = 0, maximum: int | None = None) -> int:
    """Return `value` as an int between the bounds, or raise naming the argument."""
    if type(value) is not int and not is_index(value):
        raise TypeError(f"{name} must be an int, got {value!r} of type {type(value).__name__}")
    count = operator.index(value)
    if count < minimum:
        raise ValueError(f"{name} must be at least {minimum}, got {count}")
    if maximum is not None and count > maximum:
        raise ValueError(
            f"{name} must be at most {maximum if maximum < 10**6 else f'{maximum:.0e}'}, got {count}"
        )
    return count


def as_counts(values: object, name: str, minimum: int = 0) -> list[int]:
    """Return a sequence of ints from the minimum on as a list, or raise naming the argument."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a sequence of ints, got {values!r}")
    return [as_count(value, name, minimum) for value in values]


def as_power(n: object) -> int:
    """Return the number of factors `n` as an int in 0 .. 10**15."""
    return as_count(n, "n", 0, MAX_POWER)


def as_axis(axis: object, ndim: int, name: str = "axis") -> int:
    """Return the number of an axis, counted from the end when negative."""
    number = as_count(axis, name, -ndim)
    if number >= ndim:
        raise ValueError(f"{name} must be below {ndim}, the number of axes, got {number}")
    return number % ndim


def others_of(axis: int, ndim: int) -> tuple[int, ...]:
    """Return the axes other than `axis`."""
    return tuple(other for other in range(ndim) if other != axis)


def per_axis(value: object, ndim: int, name: str, minimum: int | None = None) -> tuple[int, ...]:
    """Return one int per axis from an int (the same on each) or a sequence of `ndim` ints."""
    plain = (value,) * ndim if type(value) is int else value  # thousands of factors have such ones
    if type(plain) is tuple and len(plain) == ndim > 0 and {*map(type, plain)} == {int}:
        low = min(plain) if minimum is None else minimum
        if min(plain) >= low:
            return plain
    values: Sequence[object] = (value,) * ndim if is_index(value) else _as_sequence(value, name)
    if len(values) != ndim:
        raise ValueError(f"{name} must be an int or {ndim} ints, one per axis, got {len(values)}: {value!r}")
    for entry in values:
        if not is_index(entry):
            raise TypeError(f"{name} must be an int or a tuple of ints, got {value!r}")
    result = tuple(operator.index(entry) for entry in values if is_index(entry))
    if minimum is not None and min(result, default=minimum) < minimum:
        raise ValueError(f"{name} must be at least {minimum} on every axis, got {value!r}")
    return result


def _as_sequence(value: object, name: str) -> Sequence[object]:
    if isinstance(value, np.ndarray):
        return value.tolist() if value.ndim == 1 else [value]
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return value
    raise TypeError(f"{name} must be an int or a tuple of ints, got {value!r} of type {type(value).__name__}")


def as_indices(value: object, name: str, limit: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return integer indices as int64; those outside 0 .. limit - 1 arrive as -1 and `limit`."""
    array = np.asarray(value)
    if array.dtype.kind == "f" and (np.floor(array) != array).any():
        raise TypeError(f"{name} must hold integers, got {value!r}")
    if array.dtype.kind not in "iuf" and not all(is_index(entry) for entry in array.flat):
        raise TypeError(f"{name} must be an int or an array of ints, got {value!r}")
    return np.asarray(np.clip(array, -1, limit)).astype(np.int64)


def as_choice(value: object, name: str, choices: Sequence[str]) -> str:
    """Return `value` when it is one of `choices`, or raise listing them."""
    if isinstance(value, str) and value in choices:
        return value
    raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, got {value!r}")


def as_bool(value: object, name: str) -> bool:
    """Return `value` when it is True or False, or raise naming the argument."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise TypeError(f"{name} must be a bool, got {value!r}")


def as_fraction_of_one(value: object, name: str) -> float:
    """Return `value` as a float strictly between 0 and 1."""
    if isinstance(value, (bool, complex)) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be a number between 0 and 1, got {value!r}")
    number = float(value)
    if not 0 < number < 1:
        raise ValueError(f"{name} must lie strictly between 0 and 1, got {value!r}")
    return number


def as_share(value: object, name: str) -> float:
    """Return `value` as a float from 0 to below 1, or raise naming the argument."""
    if isinstance(value, (bool, complex)) or not hasattr(value, "__float__"):
        raise TypeError(f"{name} must be a number from 0 to below 1, got {value!r}")
    number = float(value)
    if not 0 <= number < 1:
        raise ValueError(f"{name} must be from 0 to below 1, got {value!r}")
    return number


_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def as_bytes(value: object, name: str, minimum: int = 1) -> int:
    """Return a number of bytes, given as an int or as "2GB" or "512 MiB", or raise naming the argument."""
    if isinstance(value, str):
        match = re.fullmatch(r"\s*(\d+(?:\.\d+)?(?:e\d\d?)?)\s*([kmgt]?)(i?)b?\s*", value.lower())
        if match is None or (match[3] and not match[2]):
            raise ValueError(f"{name} must be a number of bytes such as '2GB' or '512MiB', got {value!r}")
        unit = 1024 ** ("kmgt".index(match[2]) + 1) if match[3] else _BYTES[match[2]]
        value = int(float(match[1]) * unit)
    if isinstance(value, float) and value.is_integer():  # such as 4e9
        value = int(value)
    return as_count(value, name, minimum)


def how_to_read(value: object) -> str:
    """Return what makes a network or a polynomial of a value, as the end of an error message."""
    if isinstance(value, str) or hasattr(value, "__fspath__"):
        return "; from_onnx reads a file, zoo.get a name, and parse_network layers in words"
    if hasattr(value, "state_dict"):
        return "; from_torch reads a PyTorch module, with the shape of an input"
    if getattr(value, "polynomial", None) is not None:
        return "; a distribution has one as .polynomial"
    if hasattr(value, "marginals"):
        return "; a distribution on several axes has that of each coordinate in .marginals"
    if isinstance(value, Mapping):
        return (
            "; {value: probability} is for sum_of, and on several axes give a grid: nested lists whose entry "
            "[i][j] is the weight of (i, j)"
        )
    return ""


def require_file(path: Path) -> None:
    """Raise where there is no file, saying what was looked for and where."""
    if path.is_dir():
        raise IsADirectoryError(f"{str(path)!r} is a folder, not a file")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path.name!r} in {path.resolve().parent}")
