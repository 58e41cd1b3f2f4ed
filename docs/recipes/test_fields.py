"""Keep a network's field, halo and delay as promised: a test file for continuous integration.

Run it with ``pytest test_fields.py``. Needs: pytest. A PyTorch module or an ONNX file can stand in the
place of the networks here: ``em.assert_sees(mypackage.unet(), example=(1, 1, 128, 128), halo=48)``.
"""

import erfmath as em


def unet():
    """Return the network whose tiles must fit; yours would be imported from your package."""
    return em.zoo.unet(depth=3)


def vocoder():
    """Return a causal network on sound."""
    return em.zoo.wavenet()


def test_tiles_with_a_halo_of_48_are_seamless():
    """The number that the tiling script has."""
    em.assert_sees(unet(), halo=48)


def test_the_vocoder_reads_no_future_and_sixty_milliseconds():
    """What users are promised, at 16 kHz."""
    em.assert_sees(vocoder(), lookahead=0, field=(960, None), covered=True)


def test_a_smaller_halo_would_be_noticed():
    """What fails is returned, one line for each condition."""
    (failure,) = em.check(unet(), halo=40)
    assert "needs 48 before, 48 after" in str(failure)
