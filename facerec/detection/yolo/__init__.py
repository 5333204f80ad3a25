"""You only look once: one network, one look, all boxes (Redmon et al., 2016 to 2018)."""
