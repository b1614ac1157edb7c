"""What scripts/decode is made of. It shares nothing with the sources of kith, so that one can judge the other."""
