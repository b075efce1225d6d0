"""How near the arithmetic of ponder and of its peers is to a reference's, on a text that all read."""
