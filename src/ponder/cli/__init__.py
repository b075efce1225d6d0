"""The command line. Modules here import torch only inside a command, so that `--help` is quick."""
