"""Run a U-Net over a large image with dask, tile by tile, and without a seam.

The halo is read off the network, not guessed. Needs: torch, and dask (``pip install 'dask[array]'``).
"""

import dask.array as da
import torch
from torch import nn

import erfmath as em


class UNet(nn.Module):
    """Twice 3 x 3 on each level, skips joined; put your own network in its place."""

    def __init__(self, levels=3, width=8):
        super().__init__()

        def pair(before, after):
            first, second = nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 3, padding=1)
            return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())

        self.down = nn.ModuleList([pair(1 if level == 0 else width, width) for level in range(levels + 1)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(width, width, 2, 2) for _ in range(levels)])
        self.merge = nn.ModuleList([pair(2 * width, width) for _ in range(levels)])
        self.last = nn.Conv2d(width, 1, 1)

    def forward(self, x):
        """Return one map of scores, as large as the image."""
        kept = [self.down[0](x)]
        for part in self.down[1:]:
            kept.append(part(nn.functional.max_pool2d(kept[-1], 2)))
        x = kept.pop()
        for up, merge in zip(self.up, self.merge, strict=True):
            x = merge(torch.cat([up(x), kept.pop()], 1))
        return self.last(x)


torch.manual_seed(0)
net = UNet().double().eval()
image = torch.rand(1, 1, 512, 768, dtype=torch.float64)

plan = em.tiles(em.from_torch(net, (1, 1, 128, 128)), size=(512, 768), tile=256)
print(f"halo {plan.halo}, {plan.count} tiles, {plan.overhead:.2f} samples read for each of the image")

lazy = plan.to_dask(net, da.from_array(image.numpy(), chunks=(1, 1, 256, 256)))
tiled = lazy.compute()  # block by block, on as many threads or machines as dask has

with torch.no_grad():
    whole = net(image).numpy()
print(f"largest difference from the whole: {abs(tiled - whole).max() / whole.std():.0e} standard deviations")
