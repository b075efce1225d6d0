"""What a text begins with already: a request that goes on with one."""

from __future__ import annotations

from dataclasses import dataclass

from ponder.asks import Lineage, Path
from ponder.asks.path import checked_lineage
from ponder.errors import ParameterError
from ponder.server.openai.prompts import check_text, message_text
from ponder.server.openai.protocol import ChatBody, GenerationBody
from ponder.server.served import Served
from ponder.text import Detokenizer, EncodedPrompt, StopStrings, TokenIds


@dataclass(frozen=True, slots=True)
class Prefix:
    """What every text of a request begins with.

    Attributes
    ----------
    name : what the request calls it.
    token_ids : its tokens, however it was given.
    text : where it was given as text, which its client then has all of.
    lineage : where it branched off.
    """

    name: str
    token_ids: tuple[int, ...] = ()
    text: str = ""
    lineage: Lineage = ()

    def path(self, prompt: EncodedPrompt) -> Path:
        """Return it after a prompt."""
        tokens = () if self.text else self.token_ids
        return Path(TokenIds(prompt.token_ids), tokens, self.text, self.lineage)


def prefix_name(body: GenerationBody) -> str:
    """Return what a request calls its prefix."""
    if isinstance(body, ChatBody) and body.continue_final_message:
        return "messages"
    return "prefix_token_ids" if body.prefix_text is None else "prefix_text"


def read_prefix(body: GenerationBody, model: Served) -> Prefix:
    """Return what a request's texts begin with; nothing, if it does not say.

    Raises
    ------
    PonderError : it is malformed, too long, or given twice.
    """
    name = prefix_name(body)
    _check_given_once(body, name)
    lineage = checked_lineage([] if body.lineage is None else body.lineage)
    if name == "prefix_token_ids":
        ids = tuple(body.prefix_token_ids or ())
        for token in ids:
            if not 0 <= token < model.tokenizer.vocab_size:
                raise ParameterError(name, token, f"token ids from 0 to {model.tokenizer.vocab_size - 1}")
        prefix = Prefix(name, ids, "", lineage)
    else:
        text = body.prefix_text or ""
        if isinstance(body, ChatBody) and body.continue_final_message:
            last = len(body.messages) - 1
            text = message_text(f"messages[{last}].content", body.messages[last]) or ""
        check_text(len(text), model)
        prefix = Prefix(name, tuple(model.tokenizer.encode(text, add_bos=False, field=name)), text, lineage)
    for position, _ in lineage:
        if position > len(prefix.token_ids):
            allowed = f"branchings after at most {len(prefix.token_ids)} tokens, as many as the prefix has"
            raise ParameterError("lineage", lineage, allowed)
    return prefix


def _check_given_once(body: GenerationBody, name: str) -> None:
    if name == "messages":
        for other in ("prefix_token_ids", "prefix_text"):
            if getattr(body, other) is not None:
                value = getattr(body, other)
                raise ParameterError(other, value, "left out with continue_final_message")
    elif name == "prefix_text" and body.prefix_token_ids is not None:
        raise ParameterError("prefix_token_ids", body.prefix_token_ids, "left out with prefix_text")


def held_back(prefix: Prefix, stop: tuple[str, ...], model: Served, *, skip_special: bool) -> int:
    """Return how many characters of a prefix come only with what follows it: the client lacks them.

    They are at its end and may begin a stop string.
    """
    if prefix.text or not stop:
        return 0
    spell = Detokenizer(model.tokenizer.spellings(skip_special=skip_special))
    return StopStrings(stop).held_back("".join(map(spell.push, prefix.token_ids)))
