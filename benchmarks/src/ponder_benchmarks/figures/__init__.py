"""What ponder and other systems do on this machine, in turn: decoding, prompts, forks, sampling, start."""
