"""Run a temporal convolutional network on sound as it arrives, chunk by chunk, and without clicks.

The chunks put together are what the network makes of the whole recording. Needs: torch.
"""

import torch
from torch import nn

import erfmath as em

RATE = 16000


class Block(nn.Module):
    """A dilated convolution around a skip connection, with padding on both sides."""

    def __init__(self, channels, dilation):
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, 3, padding=dilation, dilation=dilation)

    def forward(self, x):
        """Return the input and what the convolution adds."""
        return x + torch.relu(self.conv(x))


torch.manual_seed(0)
layers = [Block(8, 2**level) for level in range(7)]
net = nn.Sequential(nn.Conv1d(1, 8, 1), *layers, nn.Conv1d(8, 1, 1)).double().eval()

late = em.latency(em.from_torch(net, (1, 1, 1024)), rate=RATE)
print(f"delay {late.delay} samples, {late.ms.delay:.3f} ms; context {late.context} samples")

sound = torch.randn(1, 1, RATE, dtype=torch.float64)
stream = em.stream(net, sound[..., :1024])  # of any length that the network takes
played = [stream(chunk) for chunk in sound.split(160, dim=-1)]  # 10 ms each
played.append(stream.flush())

with torch.no_grad():
    whole = net(sound)
streamed = torch.cat(played, dim=-1)
print(
    f"first chunks give {[part.shape[-1] for part in played[:3]]} samples, later ones {played[50].shape[-1]}"
)
print(f"largest difference from the whole: {float((streamed - whole).abs().max()):.0e}")
