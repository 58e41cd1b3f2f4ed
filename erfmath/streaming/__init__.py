"""Networks along time: how late they are, and running them chunk by chunk."""
