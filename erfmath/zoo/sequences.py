"""Networks on one axis: WaveNet, temporal convolutional networks, the convolutions of wav2vec 2.0."""

from __future__ import annotations

from collections.abc import Sequence

from .._checks import as_count, as_counts
from ..network.algebra import Node, Sum, series
from ..network.branches import Residual
from ..network.layers import Activation, Conv, Dropout
from .parts import RELU


def wavenet(blocks: int = 1, layers: int = 10, kernel: int = 2, channels: int = 32) -> Node:
    """Return WaveNet's residual stack: a block with dilations 1, 2, 4 .. 512 has field 1024.

    A layer's gate is a product of two convolutions, tanh times sigmoid; by the product rule the impact is a
    sum, with half of it each.

    Parameters
    ----------
    blocks
        How many times the dilations start again at 1; so many blocks see 1023 blocks + 1 samples.
    layers
        Layers of a block, with dilations 1, 2, 4 ...; up to 64.
    kernel
        Samples of a convolution.
    channels
        Of the residual connections and the gates.

    Returns
    -------
    Node

    Raises
    ------
    TypeError, ValueError
        If a number is no int within its bounds.

    References
    ----------
    A. van den Oord et al., WaveNet: a generative model for raw audio, arXiv:1609.03499, 2016, which gives
    1024 for a block. The embedding before is a 1x1 convolution; the skip connections to the output, which
    see no more, are left out.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import wavenet
    >>> receptive_field(wavenet())
    <ReceptiveField: size 1024, stride 1, offset -1023>
    >>> receptive_field(wavenet(blocks=3)).size
    3070
    """
    times, depth = as_count(blocks, "blocks", minimum=1), as_count(layers, "layers", minimum=1, maximum=64)
    block = series(Residual(_gated(kernel, 2**level, channels)) for level in range(depth))
    return Conv(1, channels=channels) >> block**times


def tcn(kernel: int = 3, dilations: Sequence[int] = (1, 2, 4, 8), channels: int = 25) -> Node:
    """Return a temporal convolutional network: field 1 + 2 (kernel - 1) sum(dilations).

    Parameters
    ----------
    kernel
        Samples of a convolution.
    dilations
        One per residual block, each of two causal convolutions.
    channels
        Of all blocks; the first block has a 1x1 convolution as its shortcut.

    Returns
    -------
    Node

    Raises
    ------
    TypeError, ValueError
        If a number is no int from 1 on, or there are no dilations.

    References
    ----------
    S. Bai, J. Zico Kolter, V. Koltun, An empirical evaluation of generic convolutional and recurrent networks
    for sequence modeling, arXiv:1803.01271, 2018.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import tcn
    >>> receptive_field(tcn())
    <ReceptiveField: size 61, stride 1, offset -60>
    """
    steps = as_counts(dilations, "dilations", minimum=1)
    if not steps:
        raise ValueError(f"dilations must hold at least one, got {dilations!r}")
    branches = [
        (Conv(kernel, dilation=d, padding="causal", channels=channels) >> RELU >> Dropout(0.2)) ** 2
        for d in steps
    ]
    first = branches[0] + Conv(1, channels=channels) >> RELU
    return series([first, *(Residual(branch) >> RELU for branch in branches[1:])])


def wav2vec2() -> Node:
    """Return the feature encoder of wav2vec 2.0: field 400, stride 320, or 25 ms every 20 ms at 16 kHz.

    References
    ----------
    A. Baevski, H. Zhou, A. Mohamed, M. Auli, wav2vec 2.0: a framework for self-supervised learning of speech
    representations, NeurIPS 2020; the seven convolutions before the transformer, in the layer-normalised
    form (the base model's group normalisation averages over time at its first layer).

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import wav2vec2
    >>> receptive_field(wav2vec2())
    <ReceptiveField: size 400, stride 320, offset 0>
    """
    sizes = [(10, 5)] + [(3, 2)] * 4 + [(2, 2)] * 2
    gelu = Activation("gelu")
    return series(Conv(size, stride=stride, channels=512) >> gelu for size, stride in sizes)


def _gated(kernel: int, dilation: int, channels: int) -> Node:
    """Return a gated causal convolution and the 1x1 convolution behind it."""
    seen = Conv(kernel, dilation=dilation, padding="causal", channels=channels)
    gate = Sum([seen >> Activation("tanh"), seen >> Activation("sigmoid")], gains=[0.5, 0.5])
    return gate >> Conv(1, channels=channels)
