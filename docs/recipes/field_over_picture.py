"""Draw what one unit of a network sees over a picture, borders included.

Any array of rows, columns and colours will do; here the picture is made. Writes field.png.
Needs: matplotlib (``pip install 'erfmath[plot]'``).
"""

import numpy as np
from matplotlib.figure import Figure

import erfmath as em

net, side = em.zoo.resnet18(), 224
down, across = np.mgrid[:side, :side]
picture = np.stack([down / side, across / side, (down // 28 + across // 28) % 2 * 0.5 + 0.25], axis=-1)

figure = Figure(figsize=(9, 4.5), layout="constrained")
for ax, unit in zip(figure.subplots(1, 2), [(3, 3), (0, 6)], strict=True):  # of a map of 7 x 7
    impact = em.distribution(net, at=unit, input_size=side)
    em.plotting.plot_over(impact, picture, ax, ref="max", name=f"unit {unit}")
    field = em.effective_field(impact, ref="max")
    seen = " x ".join(str(high - low + 1) for low, high in impact.support())
    print(f"unit {unit}: sees {seen} pixels, {field.count} of them above 4.55 % of the largest impact")
em.plotting.save(figure, "field.png")
