"""One coefficient, a tail or a whole row of a product of powers, by contour integrals at the saddle point."""
