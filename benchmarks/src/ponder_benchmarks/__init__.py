"""ponder measured beside other systems; its commands are found by `ponder bench`."""
