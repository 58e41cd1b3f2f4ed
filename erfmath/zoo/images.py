"""Networks from images to maps: U-Net and the discriminator PatchGAN."""

from __future__ import annotations

from .._checks import as_choice, as_count
from ..network.algebra import Identity, Node
from ..network.branches import Concat
from ..network.layers import Activation, Conv, ConvTranspose, Pool, Upsample
from .parts import RELU, conv

DECODERS = ("transposed", "nearest", "linear")


def unet(
    depth: int = 4, kernel: int = 3, decoder: str = "transposed", channels: int = 64, ndim: int = 2
) -> Node:
    """Return a U-Net up to the features that its last 1x1 convolution reads.

    A level is two convolutions, the level below between pooling and upsampling, the skip connection around
    that, concatenated, and two convolutions more: the network is written as its drawing is read, from
    outside to inside. With depth 3 and kernel 3 the field is 92 or 100, by the output's phase.

    Parameters
    ----------
    depth
        How many times the map is pooled, up to 20.
    kernel
        Samples on a side of a convolution.
    decoder
        How maps grow: "transposed" for a transposed convolution of size and stride 2, or "nearest" or
        "linear" for interpolation behind a 1x1 convolution that halves the channels.
    channels
        Those of the first level; each level has twice as many.
    ndim
        Number of axes.

    Returns
    -------
    Node

    Raises
    ------
    TypeError, ValueError
        If a number is no int within its bounds, or `decoder` another name.

    References
    ----------
    O. Ronneberger, P. Fischer, T. Brox, U-Net: convolutional networks for biomedical image segmentation,
    MICCAI 2015. Theirs does not pad and crops the skip connections; here convolutions keep the size, as in
    most implementations since, so that sides must be divisible by 2^depth.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import unet
    >>> field = receptive_field(unet(depth=3, ndim=1))
    >>> [phase.size for phase in field.phases], field.halo()
    ([92, 92, 100, 100, 100, 100, 92, 92], (46, 46))
    >>> receptive_field(unet()).size
    (204, 204)
    """
    levels, width = as_count(depth, "depth", minimum=0, maximum=20), as_count(channels, "channels", minimum=1)
    axes = as_count(ndim, "ndim", minimum=1, maximum=8)
    return _level(levels, kernel, as_choice(decoder, "decoder", DECODERS), width, axes)


def patchgan() -> Node:
    """Return the discriminator PatchGAN, its verdicts included: field 70, stride 8.

    References
    ----------
    P. Isola, J.-Y. Zhu, T. Zhou, A. Efros, Image-to-image translation with conditional adversarial networks,
    CVPR 2017, who name it after its field: the 70x70 PatchGAN, three layers of stride 2 and two of stride 1.

    Examples
    --------
    >>> from erfmath import receptive_field
    >>> from erfmath.zoo import patchgan
    >>> receptive_field(patchgan())
    <ReceptiveField: size (70, 70), stride (8, 8), offset (-23, -23)>
    """
    leaky = Activation("leaky_relu")
    strided = [conv(c, 4, stride=2, padding=1) >> leaky for c in (64, 128, 256)]
    return strided[0] >> strided[1] >> strided[2] >> conv(512, 4, padding=1) >> leaky >> conv(1, 4, padding=1)


def _level(depth: int, kernel: int, decoder: str, channels: int, ndim: int) -> Node:
    """Return a level and all below it."""
    pair = (Conv((kernel,) * ndim, padding="same", channels=channels) >> RELU) ** 2
    if depth == 0:
        return pair
    below = _level(depth - 1, kernel, decoder, 2 * channels, ndim)
    around = Pool((2,) * ndim, mode="max") >> below >> _upsampling(decoder, channels, ndim)
    return pair >> Concat([Identity(), around], [channels, channels]) >> pair


def _upsampling(decoder: str, channels: int, ndim: int) -> Node:
    twice = (2,) * ndim
    if decoder == "transposed":
        return ConvTranspose(twice, stride=2, channels=channels)
    return Conv((1,) * ndim, channels=channels) >> Upsample(twice, mode=decoder)
