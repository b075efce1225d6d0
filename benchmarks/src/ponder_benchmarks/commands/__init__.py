"""What `ponder bench` finds here by the entry points `ponder.bench`: a function for each command."""
