"""Strings <-> token ids: tokenizer, byte-exact incremental detokenizer, stop strings, chat templates."""

from ponder.text.chat import ChatTemplate
from ponder.text.conversation import Conversation, Message
from ponder.text.detokenizer import Detokenizer, breaks, spell
from ponder.text.infill import Infill, encode_suffix, infill_of
from ponder.text.prompt import EncodedPrompt, Prompt, TokenIds, as_prompt, encode_prompt
from ponder.text.stop import StopMatcher, StopStrings
from ponder.text.tokenizer import Tokenizer, build_tokenizer
from ponder.text.vocabulary import Vocabulary

__all__ = [
    "ChatTemplate",
    "Conversation",
    "Detokenizer",
    "EncodedPrompt",
    "Infill",
    "Message",
    "Prompt",
    "StopMatcher",
    "StopStrings",
    "TokenIds",
    "Tokenizer",
    "Vocabulary",
    "as_prompt",
    "breaks",
    "build_tokenizer",
    "encode_prompt",
    "encode_suffix",
    "infill_of",
    "spell",
]
