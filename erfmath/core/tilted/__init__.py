"""Windows of a tilted distribution by one short transform, each with a proved bound of its error."""
