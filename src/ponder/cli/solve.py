"""`ponder solve`: spend a budget on better answers."""
