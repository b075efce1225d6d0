"""What is asked -> what the engine runs: prompts encoded, parameters resolved, everything checked once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from ponder.asks.choice_trie import ChoiceTrie
from ponder.asks.grow import Grow, Method
from ponder.asks.language_model import Resolved
from ponder.asks.path import Path
from ponder.asks.read import Read
from ponder.decoders.defaults import decoder_for
from ponder.engine import Engine, Job
from ponder.errors import ContextError, ParameterError, RoomError
from ponder.sampling import ResolvedParams, SamplingParams, resolve_params
from ponder.text import ChatTemplate, EncodedPrompt, Prompt, TokenIds, encode_prompt


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request as the engine gets it, and as it applies."""

    resolved: Resolved
    job: Job


@dataclass(frozen=True, slots=True)
class Preparing:
    """Prepares requests for an engine.

    Attributes
    ----------
    recommended : sampling parameters that the checkpoint recommends.
    """

    engine: Engine
    template: ChatTemplate | None
    recommended: Mapping[str, float | int]

    def encode(self, prompt: Prompt) -> EncodedPrompt:
        """Return the text the model sees and its token ids."""
        return encode_prompt(prompt, self.engine.tokenizer, self.template)

    def _as_ids(self, prompt: Prompt) -> Prompt:
        return TokenIds(self.encode(prompt).token_ids)

    def _begun(self, path: Path) -> tuple[int, ...]:
        if not path.text:
            return path.tokens
        return (*path.tokens, *self.engine.tokenizer.encode(path.text, add_bos=False, field="path.text"))

    def growing(self, ask: Grow) -> Prepared:
        """Prepare a request to grow. Raises PonderError for whatever would be refused when it runs."""
        encoded, begun = self.encode(ask.path.prompt), self._begun(ask.path)
        resolved = self._resolve(ask)
        ask, longest = self._measured(ask, encoded.token_ids)
        resolved = _with_room_to_grow(resolved, len(begun))
        context, reader = self.engine.admission.context_limit(ask)
        params = _within_context(resolved, longest, len(begun), context, reader)
        path = Path(TokenIds(encoded.token_ids), begun, lineage=ask.path.lineage)
        job = self.engine.prepare(replace(ask, path=path, params=params))
        applied = replace(resolved, params=params)
        return Prepared(Resolved(encoded.text, encoded.token_ids, begun, applied), job)

    def room(self, ask: Grow) -> int:
        """Return how many tokens may come after the prompt, and after the mixture's prompts."""
        ask, longest = self._measured(ask, self.encode(ask.path.prompt).token_ids)
        return self.engine.admission.context_limit(ask)[0] - longest

    def _measured(self, ask: Grow, prompt: tuple[int, ...]) -> tuple[Grow, int]:
        """Return a request with its mixture's prompts as token ids, and the length of the longest prompt."""
        if ask.mixture is None:
            return ask, len(prompt)
        mixture = ask.mixture.converted(self._as_ids)
        return replace(ask, mixture=mixture), max(map(len, (prompt, *mixture.prompts(prompt))))

    def _resolve(self, ask: Grow) -> ResolvedParams:
        if isinstance(ask.params, SamplingParams):
            return ResolvedParams(
                ask.params, dict.fromkeys((one.name for one in fields(SamplingParams)), "caller")
            )
        unused = ask.method.unused if ask.method is not None else frozenset()
        recommended = {name: value for name, value in self.recommended.items() if name not in unused}
        resolved = resolve_params(ask.params, recommended, decoder_for(ask.method).check)
        if ask.method is not None:
            _refuse_unused(resolved, ask.method)
        return resolved

    def reading(self, ask: Read) -> Job:
        """Return the job of a request to read. Raises PonderError for what would be refused when it runs."""
        encoded, begun = self.encode(ask.path.prompt), self._begun(ask.path)
        given, trie = (*encoded.token_ids, *begun), None
        if ask.texts:
            given, continuations = self._split(ask, encoded, begun)
            trie = ChoiceTrie.build(continuations)
        path = Path(TokenIds(given))
        return self.engine.prepare(replace(ask, path=path), trie)

    def _split(
        self, ask: Read, encoded: EncodedPrompt, begun: tuple[int, ...]
    ) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
        """Encode the path with each text and cut where all of them still agree with the path alone.

        Raw text is encoded as a whole, so that a word begun by the prompt and ended by the text is one
        word, and control tokens written in it count; what follows a chat template's last token, or tokens, is
        encoded by itself, as plain text. An end token comes after every text, if it is asked for.
        """
        tokenizer, prompt = self.engine.tokenizer, ask.path.prompt
        if ask.ends and not tokenizer.eos_ids:
            raise ParameterError("ends", ask.ends, "false: this model has no end token")
        end = tokenizer.eos_ids[:1] if ask.ends else ()
        base = (*encoded.token_ids, *begun)
        before = encoded.text + (tokenizer.decode(begun, skip_special=False) if begun else "")
        wholes: list[tuple[int, ...]] = []
        for text in ask.texts:
            if not isinstance(text, str):
                whole = (*base, *text)
            else:
                joined = _joint(before, text, ask.join) + text
                if isinstance(prompt, str) and not begun:
                    whole = tuple(tokenizer.encode(prompt + joined, parse_special=True, field="prompt"))
                else:
                    whole = (*base, *tokenizer.encode(joined, add_bos=False, field="text"))
            whole = (*whole, *end)
            if len(whole) <= len(base) and base[: len(whole)] == whole:
                raise ParameterError("texts", text, "text of at least one token")
            wholes.append(whole)
        shared = min(_agreement(base, whole) for whole in wholes)
        if shared == 0:
            raise ParameterError("prompt", prompt, "text of at least one token that the texts do not change")
        return base[:shared], [whole[shared:] for whole in wholes]


def _joint(before: str, text: str, join: str | None) -> str:
    if join is not None:
        return join
    return "" if before[-1:].isspace() or text[:1].isspace() or not before else " "


def _agreement(base: tuple[int, ...], whole: tuple[int, ...]) -> int:
    """How many leading tokens agree, leaving at least one of `whole`."""
    length = 0
    for a, b in zip(base, whole[:-1], strict=False):
        if a != b:
            break
        length += 1
    return length


def _with_room_to_grow(resolved: ResolvedParams, begun: int) -> ResolvedParams:
    """Lengthen a `max_tokens` that nobody asked for where the path has as many tokens already."""
    params = resolved.params
    if resolved.sources["max_tokens"] == "caller" or begun < params.max_tokens:
        return resolved
    return replace(resolved, params=replace(params, max_tokens=begun + params.max_tokens))


def _within_context(
    resolved: ResolvedParams, prompt_tokens: int, begun: int, context: int, reader: str
) -> SamplingParams:
    """Shorten a `max_tokens` that nobody asked for to what the context holds; refuse one somebody did.

    The path has `begun` tokens; `reader` is the model whose context it is.
    """
    params, room = resolved.params, context - prompt_tokens
    if params.max_tokens <= room:
        return params
    if room < 1:
        what = f"the prompt is too long: it is {prompt_tokens} tokens long"
        raise ContextError(f"{what}, and the {reader}'s context is {context}")
    for name in ("max_tokens", "min_tokens"):
        if resolved.sources[name] == "caller" and getattr(params, name) > room:
            allowed = (
                f"at most {room}, or the prompt is too long: it has {prompt_tokens} tokens and the {reader}'s"
                f" context {context}"
            )
            raise RoomError(name, getattr(params, name), allowed)
    if begun > room:
        what = f"the prompt is too long: it is {prompt_tokens} tokens long and the text after it {begun}"
        raise ContextError(f"{what}, and the {reader}'s context is {context}")
    return replace(params, max_tokens=room)


def _refuse_unused(resolved: ResolvedParams, method: Method) -> None:
    for name in sorted(method.unused):
        value = getattr(resolved.params, name)
        neutral = name == "temperature" and value == 0
        if resolved.sources[name] == "caller" and not neutral:
            allowed = f"left unset with {method.name}, which draws nothing at random"
            raise ParameterError(name, value, allowed)
