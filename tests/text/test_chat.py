"""Chat templates render as in transformers, and a hostile one gets an error and nothing else."""

import gc
import os
import subprocess
import sys
import textwrap
import threading
import time

import psutil
import pytest
import tokenizers
import transformers
from tokenizers.models import BPE

from ponder.checkpoints import open_checkpoint
from ponder.errors import CheckpointError, TemplateError
from ponder.text import ChatTemplate, Message, build_tokenizer
