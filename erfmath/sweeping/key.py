"""The name of a network by what it is: equal networks have equal keys, on every machine."""

from __future__ import annotations

import hashlib

from ..formats.json_format import network_to_json
from ..network.algebra import Node, require_network

_DIGITS = 32


def network_key(net: Node) -> str:
    """Return the canonical hash of a network: the first 32 hexadecimal digits of the SHA-256 of its JSON.

    Parameters
    ----------
    net
        A network; of a model its layers count, not its name.

    Returns
    -------
    str

    Raises
    ------
    TypeError
        If `net` is no network, or has a layer of a type that is not registered; see
        :func:`erfmath.register_layer`.

    Examples
    --------
    >>> from erfmath import Conv, network_key, parse_network
    >>> network_key(Conv(3) >> Conv(5)) == network_key(parse_network("conv3 conv5"))
    True
    >>> network_key(Conv(3))
    '28b9b1522220f72cdb850ae079cb6c67'
    """
    return text_key(network_to_json(require_network(net)))


def text_key(text: str) -> str:
    """Return the key of a text, such as that of a network which cannot be read."""
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
