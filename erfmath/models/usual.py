"""Usual sizes of inputs, for networks and files that leave theirs open."""

# Samples along each axis, by number of axes: a second of audio, a picture as ImageNet's networks see it, a
# small volume; then others, which count where a file's tensors do not fit at the first.
SIZES = {1: (16000, 1024, 512, 256, 128), 2: (224, 256, 384, 512, 640, 64, 32), 3: (64, 96, 128, 32)}
INPUT_SIZES = {ndim: sizes[0] for ndim, sizes in SIZES.items()}
CHANNELS = {2: 3}

# Of sequences of whole numbers, such as words.
TOKENS = (128, 64, 32)
