"""Published networks, written in the algebra: what their papers draw, as values.

The vision networks are torchvision's (where it has them), on two axes and with their output channels, up to
the last feature map before global pooling; :func:`unet`, :func:`patchgan` and the networks on one axis say
themselves where they end. Batch and layer normalisation are left out: at inference they are pointwise and
move no impact. Networks with squeeze-excite gates (MobileNetV3, EfficientNet) are left out too: a gate
averages over the whole map, so that their fields are unbounded; so is attention.
"""

from __future__ import annotations

import difflib

from ..network.algebra import Node
from .branching import densenet121, inception_v3
from .classic import alexnet, vgg11, vgg16, vgg19
from .images import patchgan, unet
from .large import replknet13, replknet31b, replknet31l, replknet_xl
from .mobile import convnext_tiny, mobilenet_v1, mobilenet_v2
from .resnets import resnet18, resnet34, resnet50, resnet101, resnet152
from .sequences import tcn, wav2vec2, wavenet

__all__ = [
    "alexnet",
    "convnext_tiny",
    "densenet121",
    "get",
    "inception_v3",
    "mobilenet_v1",
    "mobilenet_v2",
    "names",
    "patchgan",
    "replknet13",
    "replknet31b",
    "replknet31l",
    "replknet_xl",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "tcn",
    "unet",
    "vgg11",
    "vgg16",
    "vgg19",
    "wav2vec2",
    "wavenet",
]


def names() -> tuple[str, ...]:
    """Return the names of all networks, sorted.

    Examples
    --------
    >>> from erfmath.zoo import names
    >>> names()[:3]
    ('alexnet', 'convnext_tiny', 'densenet121')
    """
    return tuple(sorted(set(__all__) - {"get", "names"}))


def get(name: str) -> Node:
    """Return the network of a name, with the defaults of its function.

    Parameters
    ----------
    name
        One of :func:`names`.

    Returns
    -------
    Node

    Raises
    ------
    ValueError
        If there is no such network; the message names the nearest.

    Examples
    --------
    >>> from erfmath.zoo import get, vgg16
    >>> get("vgg16") == vgg16()
    True
    """
    if isinstance(name, str) and name in names():
        network: Node = globals()[name]()
        return network
    near = difflib.get_close_matches(str(name).lower(), names(), n=1, cutoff=0)
    raise ValueError(f"name must be one of {', '.join(names())}, got {name!r}; did you mean {near[0]!r}?")
