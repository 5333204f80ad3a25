"""Protocols that measure the whole chain, from pictures to error rates, for any detector and encoder."""
