"""Several axes that do not separate: boxes that tile the support, each seen through a tilted window."""
