"""The same readings of many networks: rows in a file that a run which was cut off goes on with."""
