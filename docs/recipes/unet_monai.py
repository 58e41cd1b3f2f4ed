"""Give MONAI's sliding windows a halo that makes them equal to the whole, and see what its own blending does.

Needs: torch, and monai (``pip install monai``).
"""

import torch
from monai.inferers import sliding_window_inference
from monai.networks.nets import UNet

import erfmath as em

torch.manual_seed(0)
net = UNet(2, in_channels=1, out_channels=2, channels=(8, 16, 32), strides=(2, 2), norm="batch")
net = net.double().eval()  # MONAI's own default, instance normalisation, reads the whole map: no halo fits
image = torch.rand(1, 1, 256, 384, dtype=torch.float64)
with torch.no_grad():
    whole = net(image)


def difference(**options):
    """Return the largest difference between windows and the whole, in standard deviations."""
    with torch.no_grad():
        found = sliding_window_inference(image, sw_batch_size=4, predictor=net, **options)
    return float((found - whole).abs().max() / whole.std())


plan = em.tiles(em.from_torch(net, (1, 1, 128, 128)), size=(256, 384), tile=128)
print(f"halo {plan.halo}, windows of {plan.tile}")
print(f"blended by MONAI, overlap 0.25: {difference(roi_size=plan.tile, overlap=0.25, mode='gaussian'):.2f}")
print(f"with the plan's halo: {difference(**plan.for_monai('float64')):.0e}")
