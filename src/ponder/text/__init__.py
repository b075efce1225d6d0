"""Strings <-> token ids: tokenizer, byte-exact incremental detokenizer, stop strings, chat templates."""

from ponder.text.chat import ChatTemplate, Message
from ponder.text.detokenizer import Detokenizer
from ponder.text.stop import StopMatcher
from ponder.text.tokenizer import Tokenizer, build_tokenizer

__all__ = ["ChatTemplate", "Detokenizer", "Message", "StopMatcher", "Tokenizer", "build_tokenizer"]
