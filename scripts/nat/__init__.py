"""The parts of scripts/nat-experiment: networks behind NATs, and nodes that try to reach each other through them."""
