"""The panels of Luo et al.'s poster, each measured on real networks beside the theory.

``python -m benchmarks.poster [--quick] [--out DIR]`` runs all six; each runs alone as well, such as
``python -m benchmarks.poster.a_gaussian --quick``. They print tables and write a picture and the numbers as
JSON. Needed beside the package: torch and matplotlib; scikit-learn for the digits of panel f.
"""
