"""Tiles: a large input in parts that fit, whose outputs are those of the whole."""
