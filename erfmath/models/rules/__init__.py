"""What each operator of a model file does to positions."""
