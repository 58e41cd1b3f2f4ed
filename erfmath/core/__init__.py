"""The polynomial-coefficient core: P(z)^n on arrays, by direct convolution, FFT, or exactly."""
