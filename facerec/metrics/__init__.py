"""Error rates and their intervals: numpy in, numbers out."""
