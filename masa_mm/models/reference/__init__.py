"""Everything that exists only for the authors' release: its network, its loss, its checkpoints."""
