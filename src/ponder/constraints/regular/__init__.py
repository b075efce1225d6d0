"""Regular sets of texts: automata over bytes, and over the tokens that spell them."""
