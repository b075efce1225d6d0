"""Strings <-> token ids: tokenizer, byte-exact incremental detokenizer, stop strings, chat templates."""

from ponder.text.chat import ChatTemplate
from ponder.text.conversation import Conversation, Message
from ponder.text.detokenizer import Detokenizer, spell
from ponder.text.prompt import EncodedPrompt, Prompt, TokenIds, as_prompt, encode_prompt
from ponder.text.stop import StopMatcher, StopStrings
from ponder.text.tokenizer import Tokenizer, build_tokenizer
from ponder.text.vocabulary import Vocabulary

__all__ = [
    "ChatTemplate",
    "Conversation",
    "Detokenizer",
    "EncodedPrompt",
    "Message",
    "Prompt",
    "StopMatcher",
    "StopStrings",
    "TokenIds",
    "Tokenizer",
    "Vocabulary",
    "as_prompt",
    "build_tokenizer",
    "encode_prompt",
    "spell",
]
