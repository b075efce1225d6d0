"""Requests as they arrive: which fields there are and of which type.

What the values may be is checked where they are used. Types are strict: "1" is no number and 1 is not true.
"""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model

from ponder.sampling import SamplingParams

Int = Annotated[int, Field(ge=-(2**63), le=2**63 - 1)]
Ints = Annotated[list[Int], Field(fail_fast=True)]
Texts = Annotated[list[str], Field(fail_fast=True)]


PROMPTS: dict[str, Any] = {
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "string"}, "minItems": 1},
        {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}, "minItems": 1},
    ]
}


SCHEMA: dict[str, Any] = {"type": ["object", "string", "null"]}
_NO_MORE: dict[str, Any] = {"type": "null"}
FORMAT: dict[str, Any] = {
    "anyOf": [
        {"type": "null"},
        {
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"const": "text"}},
            "additionalProperties": _NO_MORE,
        },
        {
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"const": "json_object"}, "schema": SCHEMA},
            "additionalProperties": _NO_MORE,
        },
        {
            "type": "object",
            "required": ["type", "json_schema"],
            "properties": {
                "type": {"const": "json_schema"},
                "json_schema": {
                    "type": "object",
                    "required": ["schema"],
                    "properties": {
                        "name": {"type": ["string", "null"]},
                        "description": {"type": ["string", "null"]},
                        "schema": {"type": ["object", "string"]},
                        "strict": {"type": ["boolean", "null"]},
                    },
                    "additionalProperties": _NO_MORE,
                },
            },
            "additionalProperties": _NO_MORE,
        },
    ]
}


TEXT_FORMAT: dict[str, Any] = {
    "anyOf": [
        *FORMAT["anyOf"][:3],
        {
            "type": "object",
            "required": ["type", "schema"],
            "properties": {
                "type": {"const": "json_schema"},
                "name": {"type": ["string", "null"]},
                "description": {"type": ["string", "null"]},
                "schema": {"type": ["object", "string"]},
                "strict": {"type": ["boolean", "null"]},
            },
            "additionalProperties": _NO_MORE,
        },
    ]
}
INPUT: dict[str, Any] = {
    "anyOf": [
        {"type": "string"},
        {"type": "array", "items": {"type": "object"}, "minItems": 1},
    ]
}


class Body(BaseModel):
    """A JSON object; unknown members are kept for `refused.check_members`."""

    model_config = ConfigDict(
        strict=True, extra="allow", allow_inf_nan=False, frozen=True, protected_namespaces=()
    )


class TraceOptions(Body):
    """How much a trace keeps of a distribution: the `top` likeliest tokens, more until they have `mass`."""

    top: Int | None = None
    mass: float | None = None
    max_top: Int | None = None
    prompt: bool | None = None


class StreamOptions(Body):
    """How a stream is written. The last three are ours."""

    continuous_usage_stats: bool | None = None  # with include_usage: in every chunk
    include_usage: bool | None = None
    include_progress: bool | None = None  # how far the prompt is, while it waits or is computed
    include_trace: bool | TraceOptions | None = None  # how each token was chosen
    include_tree: bool | None = None  # the tree of a beam search as it grows


class TextPart(Body):
    """A part of a message's content. One that is no text is refused by its type, whatever else it has."""

    type: str
    text: Any = None  # prompts.message_text checks it, after the type


class ChatMessage(Body):
    """One turn of a conversation. Members that nobody knows are kept, and change nothing."""

    role: str
    content: str | Annotated[list[TextPart], Field(fail_fast=True)] | None = None
    name: str | None = None
    tool_calls: list[Any] | None = None  # text.conversation checks them
    tool_call_id: str | None = None
    reasoning: str | None = None  # vLLM's name for reasoning_content
    reasoning_content: str | None = None


class NamingBody(Body):
    """A request that may name the model it is for."""

    model: str | None = None


def _sampling_fields() -> dict[str, Any]:
    """Return a field for each sampling parameter that is a number, but those that the endpoints have."""
    return {
        one.name: (Int | None if "whole" in one.metadata else float | None, None)
        for one in fields(SamplingParams)
        if one.metadata and one.name != "top_logprobs"
    }


if TYPE_CHECKING:
    SamplingBody = NamingBody
else:
    SamplingBody = create_model("SamplingBody", __base__=NamingBody, **_sampling_fields())


class ConversationBody(NamingBody):
    """What a request may say of its messages; `prompts.read_conversation` checks the values."""

    tools: list[Any] | None = None
    chat_template_kwargs: dict[str, Any] | None = None  # variables of the chat template's own
    continue_final_message: bool | None = None  # the last one, the assistant's, is what the text begins with
    add_generation_prompt: bool | None = None  # false: the prompt ends after the last message


class GenerationBody(SamplingBody):
    """What completions and chat completions share. None: not set."""

    # OpenAI
    best_of: Int | None = None
    logit_bias: dict[str, Any] | None = None  # SamplingParams checks the numbers: one error, not thousands
    max_tokens: Int | None = None
    n: Int | None = None
    seed: Int | None = None
    response_format: Annotated[dict[str, Any] | None, WithJsonSchema(FORMAT)] = None  # see constraint.py
    stop: str | Texts | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    # vLLM
    allowed_token_ids: Ints | None = None
    bad_words: Texts | None = None
    cache_salt: Annotated[str, Field(min_length=1)] | None = None
    early_stopping: bool | Literal["never"] | None = None
    guided_choice: Texts | None = None
    guided_grammar: str | None = None
    guided_json: Annotated[Any, WithJsonSchema(SCHEMA)] = None
    guided_regex: str | None = None
    ignore_eos: bool | None = None
    include_stop_str_in_output: bool | None = None
    logprob_token_ids: Ints | None = None
    length_penalty: float | None = None
    priority: Int | None = None
    prompt_logprobs: Int | None = None
    return_token_ids: bool | None = None
    return_tokens_as_token_ids: bool | None = None
    skip_special_tokens: bool | None = None
    stop_token_ids: Ints | None = None
    structured_outputs: dict[str, Any] | None = None  # constraint.py reads it
    thinking_token_budget: Int | None = None  # constraint.py reads it, and llama.cpp's names of it
    truncate_prompt_tokens: Int | None = None
    use_beam_search: bool | None = None
    # llama.cpp
    reasoning_budget_message: str | None = None
    reasoning_budget_tokens: Int | None = None
    thinking_budget_tokens: Int | None = None
    # transformers, KoboldCpp
    dry_sequence_breakers: Texts | None = None
    sequence_bias: list[Any] | None = None  # SamplingParams checks what is in it
    # ours
    beam_sample: bool | None = None
    beam_semantics: str | None = None
    constraint: dict[str, Any] | None = None  # constraints.plain reads it
    contrast: Literal["draft"] | Int | None = None
    contrast_alpha: float | None = None
    contrast_amateur: float | None = None
    contrast_expert: float | None = None
    contrast_temperature: float | None = None
    contrastive_search: Int | None = None
    diversity_penalty: float | None = None
    dola_alpha: float | None = None
    dola_layers: Literal["low", "high"] | Ints | None = None
    dola_norm: bool | None = None
    draft: bool | None = None
    draft_tokens: Int | None = None
    faithful: str | None = None
    faithful_passes: Int | None = None
    guidance_scale: float | None = None
    include_trace: bool | TraceOptions | None = None  # without a stream; tracing.py reads it
    max_ngram: Int | None = None
    min_ngram: Int | None = None
    negative_prompt: Any = None  # a text; in a chat also messages
    num_beam_groups: Int | None = None
    num_beams: Int | None = None
    order: Texts | None = None
    penalty_alpha: float | None = None
    prompt_lookup: Int | None = None
    semantics: str | None = None
    stochastic_beams: Int | None = None
    deadline_s: float | None = None
    # Going on with a text. It counts as output: parameters and random numbers go on from it. The answer holds
    # only what is new.
    prefix_token_ids: Ints | None = None  # what each text begins with, as tokens; the stream goes on exactly
    prefix_text: str | None = None  # or as text, which the tokenizer cuts; the client has all of it
    lineage: list[Any] | None = None  # where it branched off, as the choice said; asks.path checks the pairs
    # labels, which change nothing
    metadata: dict[str, Any] | None = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    store: bool | None = None
    user: str | None = None


class CompletionBody(GenerationBody):
    """POST /v1/completions."""

    default_tokens: ClassVar[int | None] = 16  # as OpenAI has it

    prompt: Annotated[Any, WithJsonSchema(PROMPTS)] = None  # possibly very many: see prompts.read_prompts
    negative_prompt: str | None = None
    add_special_tokens: bool | None = None
    echo: bool | None = None
    logprobs: Int | None = None
    suffix: str | None = None  # what comes after the text that is missing

    @property
    def echoes(self) -> bool:
        """Whether a text begins with its prompt."""
        return bool(self.echo)

    @property
    def most_tokens(self) -> int | None:
        """How long a text may get; 0 with `echo` only."""
        return self.max_tokens

    @property
    def alternatives(self) -> int | None:
        """How many alternatives are told with each token; None: no log-probabilities."""
        return self.logprobs


class ChatBody(GenerationBody, ConversationBody):
    """POST /v1/chat/completions."""

    default_tokens: ClassVar[int | None] = None  # the model's
    echoes: ClassVar[bool] = False

    messages: Annotated[list[ChatMessage], Field(fail_fast=True)]
    tool_choice: Any = None  # prompts.tools_of says which
    parallel_tool_calls: bool | None = None
    negative_prompt: str | Annotated[list[ChatMessage], Field(fail_fast=True)] | None = None
    logprobs: bool | None = None
    max_completion_tokens: Int | None = None
    top_logprobs: Int | None = None

    @property
    def most_tokens(self) -> int | None:
        """How long a text may get."""
        return self.max_tokens if self.max_completion_tokens is None else self.max_completion_tokens

    @property
    def alternatives(self) -> int | None:
        """How many alternatives are told with each token; None: no log-probabilities."""
        return (self.top_logprobs or 0) if self.logprobs else None


class TextOptions(Body):
    """What a response's text is to be."""

    format: Annotated[dict[str, Any] | None, WithJsonSchema(TEXT_FORMAT)] = None
    verbosity: Literal["low", "medium", "high"] | None = None  # means nothing here


class ResponsesBody(GenerationBody, ConversationBody):
    """POST /v1/responses."""

    input: Annotated[Any, WithJsonSchema(INPUT)]  # responses.items reads it
    include: Texts | None = None
    instructions: str | None = None
    max_output_tokens: Int | None = None
    max_tool_calls: Int | None = None  # of tools that the server itself would run: there are none
    max_tokens: Annotated[Any, WithJsonSchema(_NO_MORE)] = None  # responses.chat says what is said instead
    negative_prompt: str | None = None
    parallel_tool_calls: bool | None = None
    previous_response_id: str | None = None
    response_format: Annotated[Any, WithJsonSchema(_NO_MORE)] = None
    text: TextOptions | None = None
    tool_choice: Any = None  # responses.chat says which
    top_logprobs: Int | None = None


class PromptBody(ConversationBody):
    """A request about a prompt, or about messages."""

    prompt: str | None = None
    messages: Annotated[list[ChatMessage], Field(fail_fast=True)] | None = None


class TokenizeBody(PromptBody):
    """POST /tokenize."""

    add_special_tokens: bool | None = None
    return_token_strs: bool | None = None


class TextsBody(NamingBody):
    """What embeddings and scores share: how texts become vectors. `pooling` is ours: of which states."""

    add_special_tokens: bool | None = None
    cache_salt: Annotated[str, Field(min_length=1)] | None = None
    pooling: Literal["mean", "last"] | None = None  # the mean over all tokens, or the last one's
    priority: Int | None = None
    truncate_prompt_tokens: Int | None = None
    user: str | None = None


class EmbeddingBody(TextsBody):
    """POST /v1/embeddings."""

    input: Annotated[Any, WithJsonSchema(PROMPTS)]  # as the prompt of a completion
    encoding_format: Literal["float", "base64"] | None = None
    normalize: bool | None = None


class ScoreBody(TextsBody):
    """POST /v1/score: one text and several, or pairs."""

    text_1: str | Texts
    text_2: str | Texts


class DetokenizeBody(NamingBody):
    """POST /detokenize."""

    tokens: Ints


# What an error calls the type that was expected: by pydantic's error type, or for a union by its field.
TYPE_NAMES: dict[str, str] = {
    "bool_type": "true or false",
    "dict_type": "an object",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_type": "an object",
    "string_type": "text",
}
UNION_NAMES: dict[str, str] = {
    "content": "text, or a list of text parts",
    "contrast": "draft, or a number of layers",
    "dola_layers": "low, high, or a list of numbers of layers",
    "early_stopping": "true, false or never",
    "baseline": "a text, or in a chat a list of messages",
    "include_trace": "true, false, or an object with top, mass and max_top",
    "negative_prompt": "a text, or in a chat a list of messages",
    "stop": "a text or a list of texts",
    "text_1": "a text or a list of texts",
    "text_2": "a text or a list of texts",
}
