"""What can be asked of a model and what comes back: values without torch."""
