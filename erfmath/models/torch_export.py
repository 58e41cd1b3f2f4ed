"""PyTorch modules as exported programs, at inference, whose operators make new tensors."""

from __future__ import annotations

import contextlib
import io
import logging
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from .._checks import per_axis


def exported(module: Any, example: Any) -> Any:
    """Return an exported program, all submodules as at inference while it is made."""
    try:
        import torch
    except ImportError:
        raise ImportError("from_torch needs PyTorch: pip install torch") from None
    if isinstance(module, torch.export.ExportedProgram):
        return functional(module)
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}")
    if _is_shape(example):
        example = _zeros(module, example)
    elif isinstance(example, (tuple, list)):
        example = tuple(_zeros(module, one) if _is_shape(one) else one for one in example)
    if not isinstance(example, (torch.Tensor, Mapping, tuple, list)):
        raise TypeError(
            f"example_input must be a tensor, a tuple or dict of tensors, or a shape, got {example!r}"
        )
    keywords = dict(example) if isinstance(example, Mapping) else {}
    arguments = () if keywords else tuple(example) if isinstance(example, (tuple, list)) else (example,)
    training = [part for part in module.modules() if part.training]
    logged = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # the error below says what matters
    try:
        for part in training:
            part.training = False
        with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")  # of the export itself, which no user of the network can act on
            program = torch.export.export(module, arguments, keywords)
            if any("wrap_with" in str(node.target) for node in program.graph.nodes):
                with _without_regions():
                    program = torch.export.export(module, arguments, keywords)
            return functional(program)
    except Exception as error:
        lines = str(error).strip().splitlines() or [type(error).__name__]
        if missing := re.search(r"missing a required argument: ('\w+')", lines[0]):
            raise ValueError(
                f"{type(module).__name__} takes another input, {missing[1]}: give an example of each, such "
                "as ((1, 1, 16000), (1, 80, 250)), or a module of one input that holds the others fixed"
            ) from error
        raise ValueError(
            f"torch.export cannot follow the module: {lines[0]}; see that it takes an input of this shape "
            "and type, give a part of it that does not depend on the values of tensors, or export it by "
            "torch.onnx.export and read the file by from_onnx"
        ) from error
    finally:
        logging.disable(logged)
        for part in training:
            part.training = True


@contextlib.contextmanager
def _without_regions() -> Iterator[None]:
    """Let regions of other precision or without gradients be as if they were not there.

    They change no position, and their operators would be hidden in graphs of their own.
    """
    import torch

    kinds = [torch.amp.autocast_mode.autocast, torch.no_grad, torch.enable_grad, torch.set_grad_enabled]
    kept = [(kind, kind.__enter__, kind.__exit__) for kind in kinds]
    made = torch.set_grad_enabled.__init__
    try:
        for kind in kinds:
            kind.__enter__ = lambda self: self
            kind.__exit__ = lambda self, *_: None
        torch.set_grad_enabled.__init__ = lambda self, mode: None  # which sets it at once
        yield
    finally:
        torch.set_grad_enabled.__init__ = made
        for kind, enter, leave in kept:
            kind.__enter__, kind.__exit__ = enter, leave


def _is_shape(example: Any) -> bool:
    is_list = isinstance(example, (tuple, list)) and len(example) > 0
    return is_list and all(isinstance(side, int) for side in example)


def _zeros(module: Any, shape: Any) -> Any:
    """Return zeros of a shape, of the type of the module's parameters."""
    import torch

    sides = per_axis(tuple(shape), len(shape), "example_input", minimum=1)
    kinds = (values.dtype for values in module.parameters() if values.is_floating_point())
    return torch.zeros(tuple(sides), dtype=next(kinds, None))


def functional(program: Any) -> Any:
    """Return a program whose operators make new tensors instead of writing into ones that others read.

    That takes a second trace, as long as the first, and is left out where nothing of the kind is written.
    """
    calls = [node for node in program.graph.nodes if node.op == "call_function"]
    return program.run_decompositions({}) if any(map(_writes_shared, calls)) else program


def _writes_shared(node: Any) -> bool:
    """Whether an operator writes into a tensor that is read elsewhere, or into a part of one."""
    title = title_of(node)
    if not title.endswith("_") or title.endswith("__"):
        return False
    operand = node.args[0]
    returned = operand.target._schema.returns if hasattr(operand.target, "_schema") else ()
    alias = returned[0].alias_info if returned else None
    is_own = operand.op == "call_function" and (alias is None or alias.is_write)
    return not (is_own and set(operand.users) == {node})


def title_of(node: Any) -> str:
    """Return an operator's name without its overload: aten.conv2d."""
    if not hasattr(node.target, "_schema"):
        return getattr(node.target, "__name__", str(node.target))
    return str(node.target._schema.name).replace("::", ".")
