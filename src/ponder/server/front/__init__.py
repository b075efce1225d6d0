"""What any HTTP face needs: listening, the guard, settings, metrics, errors, reading bodies, streams."""
