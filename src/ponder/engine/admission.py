"""What may run: a request is checked once, and becomes a job."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter
from typing import cast

from ponder.asks.choice_trie import ChoiceTrie
from ponder.asks.grow import Grow, Tokens
from ponder.asks.needs import Asker, Needs
from ponder.asks.path import stream_of
from ponder.asks.read import Given, Read, These
from ponder.constraints import AutomatonCache, TokenCount
from ponder.constraints.allowed import Allowed
from ponder.constraints.composition import Conjunction, name_of
from ponder.constraints.constraint import situated
from ponder.constraints.ending import Ending
from ponder.constraints.recent import Recent
from ponder.constraints.thinking import thinking_of
from ponder.decoders import Context, Decoder, Group, Text
from ponder.decoders.decoder import StateReader
from ponder.decoders.defaults import asked_by, breakers_of, decoder_for, sentence_ends_of
from ponder.decoders.text import Node, States
from ponder.engine.job import Job
from ponder.engine.reading import TextReading
from ponder.engine.seat import Seat
from ponder.engine.watch import AllStates, PromptTraces, Reader, Watch
from ponder.errors import CapacityError, ContextError, ParameterError
from ponder.mixtures import Mixture
from ponder.models.entropy_head import EntropyHead
from ponder.sampling.params import SamplingParams
from ponder.text import TokenIds, Tokenizer
from ponder.tree import PAGE_SIZE, pages_for

PROMPT_END = 64  # tokens of a prompt in which its last mark is looked for


@dataclass(frozen=True, slots=True)
class Admission:
    """Checks requests against what an engine has. It may be used by any thread.

    Attributes
    ----------
    policy : the seat of the model.
    draft : the seat of a draft model, if there is one.
    entropy_head : what reads residual entropies, if there is one.
    automata : compiled constraints, shared by all requests.
    allowed : the same with the tokens that end a text; each keeps the automaton alive whose id it is under.
    """

    policy: Seat
    tokenizer: Tokenizer
    draft: Seat | None
    entropy_head: EntropyHead | None
    automata: AutomatonCache
    allowed: Recent[int, Allowed] = field(default_factory=lambda: Recent(64))

    def context_limit(self, ask: Grow) -> tuple[int, str]:
        """Return the most tokens that a text may have, with its prompt, and which model sets that limit."""
        limits = [(self.policy.context, "model")]
        if self.draft is not None and ask.mixture is not None:
            needs = cast(Mixture, ask.mixture).asks(self.policy.model.config).needs
            if needs.draft_rows:
                limits.append((self.draft.context, "draft model"))
        return min(limits, key=itemgetter(0))

    def growing(self, ask: Grow) -> Job:
        """Return the job of a request whose prompt is token ids and whose parameters are all known.

        Raises
        ------
        ContextError, CapacityError : it does not fit the model's context or the cache; says both numbers.
        ParameterError : token ids that the model does not have, what its decoder does not allow, a need that
            this engine does not meet, or a path that its constraint does not allow.
        """
        prompt, begun, params = self._given(ask.path.prompt), ask.path.tokens, ask.params
        assert isinstance(params, SamplingParams), "parameters are resolved before a request comes here"
        decoder = decoder_for(ask.method)
        mixture = cast(Mixture, ask.mixture) if ask.mixture is not None else None
        params.check_vocabulary(self.policy.model.config.vocab_size)
        decoder.check(params)
        needs = self._granted(ask, decoder, mixture, params)
        for name, kept in (("state", ask.record.state), ("certainty", ask.record.certainty)):
            if kept and needs.star:
                raise ParameterError(name, True, f"false with {decoder.name}, which tries tokens ahead")
        prompts = (prompt, *(mixture.prompts(prompt) if mixture else ()))
        for one in prompts:
            self._check_tokens(one)
        self._check_tokens(begun, "path")
        for one in prompts:
            if not one:
                raise ParameterError("prompt", "", "at least one token")
            self._check_length(len(one) + params.max_tokens, "it and max_tokens are")
        if len(begun) > params.max_tokens:
            allowed = f"at least {len(begun)}, the tokens that the path has"
            raise ParameterError("max_tokens", params.max_tokens, allowed)
        if params.min_allowed_mass and ask.constraint is None:
            allowed = "set only together with a constraint"
            raise ParameterError("min_allowed_mass", params.min_allowed_mass, allowed)
        thinking = thinking_of(ask.constraint)
        if thinking and thinking.rank and "min_allowed_mass" in decoder.unused:  # it does not draw by `draw`
            raise ParameterError("rank", thinking.rank, f"0 with {decoder.name}: it is looked at for samples")
        width = decoder.width(params)
        self._check_draft(needs, len(prompt) + params.max_tokens)
        group = self._group(ask, params, prompts, needs)
        watches: list[Watch] = []
        if ask.record.prompt is not None:
            watches.append(PromptTraces(prompt, ask.record.prompt))
        job = Job(ask, group, decoder, mixture, needs, watches, width=width)
        self._check_pages(most_pages(job), "the request may need")
        if needs.whole:
            (path,) = group.live
            reader = cast(StateReader, decoder)

            def read(states: States) -> None:
                path.note = reader.read(path.note, states)

            watches.append(AllStates(job.given, read))
        return job

    def _group(
        self, ask: Grow, params: SamplingParams, prompts: tuple[tuple[int, ...], ...], needs: Needs
    ) -> Group:
        allowed = None
        if ask.constraint is not None:
            vocabulary = self.tokenizer.vocabulary
            end = self.tokenizer.decode(prompts[0][-PROMPT_END:], skip_special=False)
            constraint = situated(ask.constraint, end, params.max_tokens)
            if params.min_tokens:  # as a part of the constraint it is planned for
                constraint = Conjunction((constraint, TokenCount(params.min_tokens)))
            automaton = self.automata.get(constraint, vocabulary)
            name = name_of(constraint)
            shared = self.allowed.get(id(automaton), lambda _: Allowed(automaton, vocabulary, name))
            allowed = Ending(shared, params.max_tokens, len(ask.path.tokens))
        salt, contexts = ask.service.cache_salt, []
        for prompt in prompts:
            reach = len(prompt) + params.max_tokens
            contexts.append(Context(prompt, self.policy.branch(reach, salt), reach))
        lineage = ask.path.lineage
        root = Node(state=None if allowed is None else allowed.start)
        path = Text(0, root, contexts, lineage, stream_of(lineage))
        eos = () if params.ignore_eos else self.tokenizer.eos_ids
        group = Group(
            prompts[0],
            params,
            frozenset((*eos, *params.stop_token_ids)),
            self.tokenizer.spellings(skip_special=params.skip_special_tokens),
            [path],
            begun=ask.path.tokens,
            replay=needs.replay,
            allowed=allowed,
            until=ask.until,
            breakers=breakers_of(params, self.tokenizer),
            sentence_ends=sentence_ends_of(params, self.tokenizer),
            entropy_head=self.entropy_head if needs.residuals else None,
            vocabulary=self.policy.model.config.vocab_size,
            ranker=self.policy.ranker,
        )
        self._follow_constraint(group)
        if needs.replay == "no":
            for token in group.begun:
                group.give(path, token)
        return group

    @staticmethod
    def _follow_constraint(group: Group) -> None:
        """Refuse a path that the constraint does not allow."""
        if group.allowed is None:
            return
        state = group.allowed.start
        for place, token in enumerate(group.begun):
            after = group.allowed.step(state, token)
            if after is None:
                allowed = f"a path that the constraint allows: its token {place} is not"
                raise ParameterError("path", list(group.begun[: place + 1]), allowed)
            state = after
        if group.begun:
            group.allowed.check(state)

    def reading(self, ask: Read, trie: ChoiceTrie | None = None) -> Job:
        """Return the job of a request to read, whose path is token ids; `trie` are the texts after it.

        Raises
        ------
        ContextError, CapacityError : it does not fit the model's context or the cache; says both numbers.
        ParameterError : token ids that the model does not have, or places that the path does not have.
        """
        path = (*self._given(ask.path.prompt), *ask.path.tokens)
        self._check_tokens(path)
        if not path:
            raise ParameterError("prompt", "", "at least one token")
        watches: list[Watch] = []
        texts = None if trie is None else TextReading(trie, self.policy.model.config.vocab_size)
        if isinstance(ask.of, These):
            self._check_tokens(ask.of.token_ids, "of")
        if trie is None or texts is None:
            watches.append(Reader(path, _places(ask, len(path)), ask.of))
            longest, pages, what = len(path), pages_for(len(path)), "it is"
        else:
            self._check_tokens(trie.token_ids)
            longest = len(path) + max(len(one) for one in trie.paths)
            pages = pages_for(len(path) + texts.most_tokens)
            what = "it and the longest text after it are"
        self._check_length(longest, what)
        self._check_pages(pages, "reading needs")
        branch = self.policy.branch(longest, ask.service.cache_salt)
        text = Text(0, Node(), [Context(path, branch, longest)])
        group = Group(path, SamplingParams(), frozenset(), (), [text])
        return Job(ask, group, watches=watches, texts=texts)

    def _given(self, prompt: object) -> tuple[int, ...]:
        assert isinstance(prompt, TokenIds), "a prompt is encoded before it comes here"
        return tuple(prompt.ids)

    def _check_tokens(self, tokens: tuple[int, ...], field: str = "prompt") -> None:
        vocab_size = self.policy.model.config.vocab_size
        for token in tokens:
            if type(token) is not int or not 0 <= token < vocab_size:
                raise ParameterError(field, token, f"token ids from 0 to {vocab_size - 1}")

    def _granted(self, ask: Grow, decoder: Decoder, mixture: Mixture | None, params: SamplingParams) -> Needs:
        """Return what decoder, mixture and parameters need together, or refuse it by name."""
        askers = [decoder.asks(params)]
        if mixture is not None:
            askers.append(mixture.asks(self.policy.model.config))
        askers += asked_by(params)
        needs = Needs()
        for asker in askers:
            self._refuse_missing(asker, decoder)
            needs |= asker.needs
        if mixture is not None:
            if needs.star:
                raise ParameterError("mixture", mixture, f"unset with {decoder.name}")
            if needs.chain and (needs.prompts or needs.draft_rows):
                allowed = f"one of a single prompt and model, with {decoder.name}"
                raise ParameterError("mixture", mixture, allowed)
        return needs

    def _refuse_missing(self, asker: Asker, decoder: Decoder) -> None:
        if asker.field in decoder.unused:
            raise ParameterError(asker.field, asker.value, f"{asker.instead} with {_searches(decoder)}")
        if (asker.needs.drafts or asker.needs.draft_rows) and self.draft is None:
            loaded = "none is loaded" if "draft model" in asker.instead else "no draft model is loaded"
            raise ParameterError(asker.field, asker.value, f"{asker.instead}: {loaded}")
        if asker.needs.residuals and self.entropy_head is None:
            raise ParameterError(asker.field, asker.value, f"{asker.instead}: no entropy head is loaded")

    def _check_draft(self, needs: Needs, longest: int) -> None:
        if not needs.draft_rows:
            return
        assert self.draft is not None, "refused without a draft model"
        if longest > self.draft.context:
            what = f"the prompt is too long: it and max_tokens are {longest} tokens long"
            raise ContextError(f"{what}, and the draft model's context is {self.draft.context}")
        pages, room = pages_for(longest - 1), self.draft.pool.num_pages
        if pages > room:
            raise CapacityError(f"the draft model may need {pages} cache pages and there are {room}")

    def _check_length(self, tokens: int, what: str) -> None:
        limit = self.policy.context
        if tokens > limit:
            what = f"the prompt is too long: {what} {tokens} tokens long"
            raise ContextError(f"{what}, and the model's context is {limit}")

    def _check_pages(self, pages: int, what: str) -> None:
        room = self.policy.pool.num_pages
        if pages > room:
            raise CapacityError(f"{what} {pages} cache pages and there are {room}")


def _searches(decoder: Decoder) -> str:
    return "a search, which draws no tokens" if not decoder.streams else decoder.name


def _places(ask: Read, length: int) -> tuple[int, ...]:
    """Return which tokens' rows a `Read` of a path of so many tokens wants."""
    last = length - 2 if isinstance(ask.of, Given) else length - 1
    if isinstance(ask.of, Given) and ask.at != "every":
        raise ParameterError("at", ask.at, '"every" where the tokens that are given are read')
    if ask.at == "every":
        return tuple(range(last + 1))
    if ask.at == "last":
        return (last,)
    for place in ask.at:
        if type(place) is not int or not 0 <= place <= last:
            raise ParameterError("at", place, f"places from 0 to {last}")
    return tuple(sorted(set(ask.at)))


def most_pages(job: Job) -> int:
    """The most pages a request can need alone: the prompts' whole ones, and what each text may add.

    The last token a text grows is never computed: if it is the first, all share the prompt's last page.
    But tokens that are tried after a text all are, and have but a page each to themselves.
    """
    group = job.group
    prompts = [context.prompt for context in group.live[0].contexts]
    begun, most = 0 if group.replay == "masked" else len(group.begun), group.params.max_tokens
    if isinstance(group.until, Tokens):
        most = min(most, len(group.begun) + group.until.count)
    computed = max(most - 1, begun)
    if job.needs.star:
        return (len(prompts[0]) + computed) // PAGE_SIZE + job.width
    width = job.width if most - 1 > begun else 1
    pages = 0
    for prompt in prompts:
        whole, rest = divmod(len(prompt) + begun, PAGE_SIZE)
        pages += whole + width * pages_for(rest + computed - begun)
    return pages
